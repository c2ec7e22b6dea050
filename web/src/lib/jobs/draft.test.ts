import { describe, expect, it } from "vitest";
import type { JobTemplate } from "../api/types.ts";
import {
  draftOfSpec,
  draftOfTemplate,
  emptyDraft,
  type JobDraft,
  nextKey,
  readDraft,
  specOf,
} from "./draft.ts";
import { fieldName } from "./fields.ts";
import { readSpec, writeSpec } from "./json.ts";

const CID = `bafkrei${"a".repeat(52)}`;
const other = `bafkrei${"b".repeat(52)}`;
const input = (path: string, cid = CID, size: number | null = 5) => ({
  key: nextKey(),
  path,
  cid,
  name: "",
  size,
});
const draft = (changes: Partial<JobDraft> = {}): JobDraft => ({
  ...emptyDraft(),
  command: "node /in/main.mjs",
  ...changes,
});
const template: JobTemplate = {
  id: "count",
  title: "Count",
  description: "Counts.",
  image: "localhost/node:1",
  command: ["node", "/in/main.mjs"],
  code: { cid: other, path: "main.mjs", size: 900 },
  inputs: [{ name: "data", path: "data.txt", label: "Data", hint: "", accept: ".txt" }],
  parameters: [
    { name: "limit", env: "LIMIT", type: "number", label: "Limit", default: 3, min: 1, max: 9 },
    { name: "title", env: "TITLE", type: "text", label: "Title", default: "" },
  ],
  resources: { cpuMillis: 1500, memoryMb: 256, diskMb: 256, outputLimitMb: 16, timeLimitSeconds: 5400 },
  engine: false,
  result: { publish: null, metrics: null },
};

describe("a job as typed", () => {
  it("becomes the specification that it says", () => {
    const typed = draft({
      cpus: "0,25",
      timeLimit: "1.5",
      timeUnit: "h",
      inputs: [input("a/b.txt"), input("c", other, null)],
      env: [{ key: 1, name: "MODE", value: "fast" }],
    });
    expect(readDraft(typed)).toEqual({
      problems: {},
      spec: {
        version: 1,
        image: "localhost/node:1",
        command: ["node", "/in/main.mjs"],
        env: { MODE: "fast" },
        inputs: [
          { cid: CID, path: "a/b.txt", size: 5 },
          { cid: other, path: "c" },
        ],
        outputLimitMb: 128,
        cpuMillis: 250,
        memoryMb: 512,
        gpus: 0,
        diskMb: 512,
        timeLimitSeconds: 5400,
        network: false,
        retries: 1,
        engineModelId: null,
        review: false,
      },
    });
  });

  it.each<[string, Partial<JobDraft>, string]>([
    ["no image", { image: " " }, "image"],
    ["an image with a space", { image: "a b" }, "image"],
    ["no command", { command: "" }, "command"],
    ["an open quote", { command: "node 'x" }, "command"],
    ["a program without a name", { command: "''" }, "command"],
    ["a huge command", { command: "x".repeat(70_000) }, "command"],
    ["a path that climbs", { inputs: [input("../x")] }, "inputs.0.path"],
    ["a path with a NUL", { inputs: [input("a\0b")] }, "inputs.0.path"],
    ["an absolute path", { inputs: [input("/etc/passwd")] }, "inputs.0.path"],
    ["no path", { inputs: [input("")] }, "inputs.0.path"],
    ["a path twice", { inputs: [input("a"), input("a", other)] }, "inputs"],
    ["a file that is a folder", { inputs: [input("a"), input("a/b", other)] }, "inputs"],
    ["no file", { inputs: [input("a", "")] }, "inputs.0.cid"],
    ["no CID", { inputs: [input("a", "Qmabc")] }, "inputs.0.cid"],
    ["a variable with a line break", { env: [{ key: 1, name: "A", value: "x\ny" }] }, "env.0"],
    ["a variable of the platform", { env: [{ key: 1, name: "AIFORGE_X", value: "1" }] }, "env.0"],
    ["an odd name", { env: [{ key: 1, name: "1A", value: "1" }] }, "env.0"],
    ["a value without a name", { env: [{ key: 1, name: "", value: "1" }] }, "env.0"],
    [
      "a name twice",
      {
        env: [
          { key: 1, name: "A", value: "1" },
          { key: 2, name: "A", value: "2" },
        ],
      },
      "env.1",
    ],
    ["no CPU", { cpus: "0" }, "cpuMillis"],
    ["a CPU too fine", { cpus: "0.1234" }, "cpuMillis"],
    ["negative memory", { memoryMb: "-1" }, "memoryMb"],
    ["a million GPUs", { gpus: "1000000" }, "gpus"],
    ["half a GPU", { gpus: "0.5" }, "gpus"],
    ["words", { diskMb: "lots" }, "diskMb"],
    ["more time than there is", { timeLimit: "30", timeUnit: "d" }, "timeLimitSeconds"],
    ["too many attempts", { retries: "6" }, "retries"],
    ["more outputs than disk", { outputLimitMb: "600" }, "diskMb"],
    ["no UUID", { engineModelId: "tiny" }, "engineModelId"],
  ])("with %s says so at %s", (_, changes, field) => {
    const { spec, problems } = readDraft(draft(changes));
    expect(spec).toBeNull();
    expect(Object.keys(problems)).toEqual([field]);
    expect(problems[field]).toMatch(/^["A-Z].*[.)]$/s);
  });

  it("takes an empty row for none", () => {
    expect(readDraft(draft({ env: [{ key: 1, name: "", value: "" }] })).spec?.env).toEqual({});
  });
});

describe("a template", () => {
  it("is filled in", () => {
    const filled = draftOfTemplate(template);
    expect(filled).toMatchObject({ cpus: "1.5", timeLimit: "90", timeUnit: "min" });
    const { problems } = readDraft(filled, template);
    expect(problems).toEqual({ "inputs.1.cid": "Choose a file, or give its CID." });
    expect(fieldName("inputs.1.cid", filled, template)).toBe("Data");
    filled.inputs[1]!.cid = CID;
    expect(readDraft(filled, template).spec).toMatchObject({
      env: { LIMIT: "3", TITLE: "" },
      inputs: [
        { cid: other, path: "main.mjs", size: 900 },
        { cid: CID, path: "data.txt" },
      ],
    });
  });

  it.each([
    ["", "Write a number."],
    ["many", "Write a number."],
    ["0", "At least 1."],
    ["10", "At most 9."],
  ])("holds its number %j to its limits", (value, problem) => {
    const filled = draftOfTemplate(template);
    filled.inputs[1]!.cid = CID;
    filled.env[0]!.value = value;
    expect(readDraft(filled, template).problems).toEqual({ "env.0": problem });
    expect(fieldName("env.0", filled, template)).toBe("Limit");
  });

  it("that asks for a model has to get one", () => {
    const filled = draftOfTemplate({ ...template, inputs: [], engine: true });
    const { problems } = readDraft(filled, { ...template, inputs: [], engine: true });
    expect(Object.keys(problems)).toEqual(["engineModelId"]);
  });
});

describe("a job as JSON", () => {
  const strip = ({ env, inputs, ...rest }: JobDraft) => ({
    ...rest,
    env: env.map(({ name, value }) => [name, value]),
    inputs: inputs.map(({ cid, path, name, size }) => [cid, path, name, size]),
  });

  it("is the same job", () => {
    const typed = draft({
      command: `sh -c 'a "b"'`,
      inputs: [{ ...input("a"), name: "a.txt" }],
      env: [{ key: 1, name: "A", value: "1" }],
      network: true,
      review: true,
      timeLimit: "2",
      timeUnit: "d",
    });
    const read = readSpec(writeSpec(typed), typed);
    expect("draft" in read && strip(read.draft)).toEqual(strip(typed));
    expect("draft" in read && specOf(read.draft)).toEqual(specOf(typed));
  });

  it("has the platform's defaults where it says nothing", () => {
    const least = {
      image: "x",
      command: ["y"],
      cpuMillis: 100,
      memoryMb: 64,
      diskMb: 16,
      outputLimitMb: 1,
      timeLimitSeconds: 61,
    };
    expect(specOf(draftOfSpec(least))).toEqual({
      version: 1,
      env: {},
      inputs: [],
      gpus: 0,
      network: false,
      retries: 1,
      engineModelId: null,
      review: false,
      ...least,
    });
  });

  const whole = specOf(draft());
  it.each<[string, string, RegExp]>([
    ["no JSON", "{", /^This is not JSON/],
    ["a list", "[]", /^A job is an object/],
    ["null", "null", /^A job is an object/],
    ["a part", '{"image":"x"}', /“command” is missing/],
    ["a field too many", JSON.stringify({ ...whole, cpus: 1 }), /no field “cpus”/],
    ["a text for a number", JSON.stringify({ ...whole, gpus: "1" }), /“gpus” has to be a number/],
    ["null for a number", JSON.stringify({ ...whole, memoryMb: null }), /“memoryMb” has to be a number/],
    ["a number in the command", JSON.stringify({ ...whole, command: [1] }), /“command” has to be a list/],
    ["a number in env", JSON.stringify({ ...whole, env: { A: 1 } }), /“env” has to be/],
    ["an odd input", JSON.stringify({ ...whole, inputs: [{ cid: CID }] }), /“inputs” has to be/],
    ["another version", JSON.stringify({ ...whole, version: 2 }), /“version” has to be 1/],
    ["a flag as text", JSON.stringify({ ...whole, network: "no" }), /“network” has to be true or false/],
    ["a number as the model", JSON.stringify({ ...whole, engineModelId: 3 }), /“engineModelId” has to be/],
  ])("that is %s is refused", (_, text, problem) => {
    const read = readSpec(text, draft());
    expect("problem" in read && read.problem).toMatch(problem);
  });
});

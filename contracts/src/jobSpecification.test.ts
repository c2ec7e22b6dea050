import fc from "fast-check";
import { keccak256, stringToHex } from "viem";
import { describe, expect, it } from "vitest";
import {
  assertJobSpecification,
  canonicalJson,
  JOB_LIMITS,
  type JobSpecification,
  JobSpecificationError,
  jobPathClash,
  jobPathProblem,
  payeeOf,
  resultHash,
  specificationHash,
} from "./jobSpecification.ts";

const HEX = "0123456789abcdef".repeat(4);
const spec: JobSpecification = {
  version: 1,
  image: `localhost:5000/tools/node@sha256:${HEX}`,
  command: ["node", "/in/main.mjs"],
  env: { EPOCHS: "3" },
  inputs: [
    { cid: "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e", path: "main.mjs", size: 11 },
  ],
  outputLimitMb: 10,
  cpuMillis: 1000,
  memoryMb: 256,
  gpus: 0,
  diskMb: 64,
  timeLimitSeconds: 60,
  network: false,
  retries: 1,
  engineModelId: null,
  review: false,
};

function fieldOf(changed: Partial<JobSpecification>): string | null {
  try {
    assertJobSpecification({ ...spec, ...changed });
    return null;
  } catch (error) {
    if (error instanceof JobSpecificationError) return error.field;
    throw error;
  }
}
const input = (path: string, size = 1) => ({ ...spec.inputs[0]!, path, size });

describe("the rules of a specification", () => {
  it("takes one that keeps them", () => {
    expect(fieldOf({})).toBeNull();
    expect(fieldOf({ image: `sha256:${HEX}` })).toBeNull();
    expect(fieldOf({ inputs: [] })).toBeNull();
  });

  it.each<[string, Partial<JobSpecification>, string]>([
    ["a tag", { image: "node:24" }, "image"],
    ["a tag beside the digest", { image: `node:24@sha256:${HEX}` }, "image"],
    ["upper case in the digest", { image: `node@sha256:${HEX.toUpperCase()}` }, "image"],
    ["no command", { command: [] }, "command"],
    ["a NUL in the command", { command: ["node", "a\0b"] }, "command"],
    ["a long command", { command: ["x".repeat(JOB_LIMITS.commandBytes + 1)] }, "command"],
    ["a lone surrogate", { command: ["\ud800"] }, "command"],
    ["a line break in a variable", { env: { A: "1\n2" } }, "env"],
    ["a variable of the platform's", { env: { AIFORGE_JOB_ID: "1" } }, "env"],
    ["a variable without a name", { env: { "": "1" } }, "env"],
    ["a variable with = in its name", { env: { "A=B": "1" } }, "env"],
    ["a path up", { inputs: [input("../x")] }, "inputs.0.path"],
    ["a path up in the middle", { inputs: [input("a/../x")] }, "inputs.0.path"],
    ["an absolute path", { inputs: [input("/etc/passwd")] }, "inputs.0.path"],
    ["a NUL in a path", { inputs: [input("a\0")] }, "inputs.0.path"],
    ["a backslash", { inputs: [input("a\\b")] }, "inputs.0.path"],
    ["a path twice", { inputs: [input("a"), input("a")] }, "inputs"],
    ["a file that is a folder too", { inputs: [input("a/b"), input("a")] }, "inputs"],
    ["what is not a CID", { inputs: [{ ...input("a"), cid: "Qm../x" }] }, "inputs.0.cid"],
    ["a million GPUs", { gpus: 1_000_000 }, "gpus"],
    ["half a GPU", { gpus: 0.5 }, "gpus"],
    ["no processor", { cpuMillis: 0 }, "cpuMillis"],
    ["no time", { timeLimitSeconds: 0 }, "timeLimitSeconds"],
    ["more time than the contract has", { timeLimitSeconds: 30 * 86_400 }, "timeLimitSeconds"],
    ["what does not fit the disk", { inputs: [input("a", 55 * 1024 ** 2)] }, "diskMb"],
    ["a model that is no UUID", { engineModelId: "x" }, "engineModelId"],
  ])("refuses %s", (_name, changed, field) => {
    expect(fieldOf(changed)).toBe(field);
  });
});

describe("paths", () => {
  it("never lead out of their folder", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("..", ".", "a", "", "b.c", "/", "\\", "..."), { maxLength: 6 }),
        (parts) => {
          const path = parts.join("/");
          if (jobPathProblem(path) !== null) return;
          const resolved = new URL(`file:///out/${path}`).pathname;
          expect(resolved.startsWith("/out/")).toBe(true);
          expect(resolved).toBe(`/out/${path}`);
        },
      ),
    );
  });

  it("may not be a file and a folder, whatever is sorted between", () => {
    expect(jobPathClash(["a", "a.b", "a/c"])).toBe("a");
    expect(jobPathClash(["a/b", "a/c", "ab"])).toBeNull();
  });
});

describe("hashes", () => {
  it("are the same whatever the order of the keys", () => {
    const turned = Object.fromEntries(Object.entries(spec).reverse()) as unknown as JobSpecification;
    expect(specificationHash(turned)).toBe(specificationHash(spec));
    expect(specificationHash({ ...spec, retries: 2 })).not.toBe(specificationHash(spec));
  });

  it("are of the text that everybody can write down", () => {
    expect(canonicalJson({ b: [1, "ä", null], a: { d: true, c: "x" } })).toBe(
      '{"a":{"c":"x","d":true},"b":[1,"ä",null]}',
    );
    const result = {
      version: 1,
      jobId: `0x${HEX}`,
      attempt: 1,
      exitCode: 0,
      containerSeconds: 2,
      outputCid: "b",
    } as const;
    expect(resultHash(result)).toBe(
      keccak256(
        stringToHex(
          `{"attempt":1,"containerSeconds":2,"exitCode":0,"jobId":"0x${HEX}","outputCid":"b","version":1}`,
        ),
      ),
    );
  });

  it("pays a wallet by its 20 bytes in 32", () => {
    expect(payeeOf("0x00000000000000000000000000000000000000Aa")).toBe(`0x${"0".repeat(62)}aa`);
  });
});

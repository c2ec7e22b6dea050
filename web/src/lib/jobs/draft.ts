import {
  assertJobSpecification,
  isContentCid,
  isImageDigest,
  JOB_LIMITS,
  type JobSpecification,
  JobSpecificationError,
  jobCommandProblem,
  jobEnvProblem,
  jobPathProblem,
} from "@aiforge/contracts";
import type { JobSpecificationInput, JobTemplate } from "../api/types.ts";
import { readArgv, writeArgv } from "./argv.ts";

/** Seconds of each unit in which a time limit is typed. */
export const TIME_UNITS = { s: 1, min: 60, h: 3600, d: 86_400 } as const;
export type TimeUnit = keyof typeof TIME_UNITS;

export interface EnvRow {
  key: number;
  name: string;
  value: string;
}

export interface InputRow {
  key: number;
  /** Below `/in`. */
  path: string;
  cid: string;
  /** What the file was called; for people. */
  name: string;
  /** Bytes; null while unknown. */
  size: number | null;
}

/** A job as typed. The form and the JSON tab are two views of it. */
export interface JobDraft {
  image: string;
  command: string;
  env: EnvRow[];
  inputs: InputRow[];
  cpus: string;
  memoryMb: string;
  gpus: string;
  diskMb: string;
  outputLimitMb: string;
  timeLimit: string;
  timeUnit: TimeUnit;
  network: boolean;
  retries: string;
  /** Empty: none. */
  engineModelId: string;
  review: boolean;
}

/** What is wrong, in words, by the specification's own fields: `image`, `inputs.0.path`, `env.2`. */
export type DraftProblems = Record<string, string>;

let lastKey = 0;
/** A key for a new row. */
export const nextKey = (): number => ++lastKey;

export const emptyDraft = (): JobDraft => ({
  image: "localhost/node:1",
  command: "",
  env: [],
  inputs: [],
  cpus: "1",
  memoryMb: "512",
  gpus: "0",
  diskMb: "512",
  outputLimitMb: "128",
  timeLimit: "15",
  timeUnit: "min",
  network: false,
  retries: "1",
  engineModelId: "",
  review: false,
});

/** A template with its defaults, its own code among the inputs, and a place for each file that it asks for. */
export function draftOfTemplate(template: JobTemplate): JobDraft {
  const { code, resources } = template;
  return {
    ...emptyDraft(),
    ...numbersOf({ ...resources, gpus: 0, retries: 1 }),
    ...limitOf(resources.timeLimitSeconds),
    image: template.image,
    command: writeArgv(template.command),
    env: template.parameters.map(({ env, default: value }) => ({
      key: nextKey(),
      name: env,
      value: String(value),
    })),
    inputs: [
      { key: nextKey(), path: code.path, cid: code.cid, name: code.path, size: code.size },
      ...template.inputs.map(({ path }) => ({ key: nextKey(), path, cid: "", name: "", size: null })),
    ],
  };
}

/** A specification as it would be typed. @param known files whose names and sizes are known, by CID */
export function draftOfSpec(
  spec: JobSpecificationInput,
  known: ReadonlyMap<string, { name: string; size: number | null }> = new Map(),
): JobDraft {
  return {
    ...numbersOf({ gpus: 0, retries: 1, ...spec }),
    ...limitOf(spec.timeLimitSeconds),
    image: spec.image,
    command: writeArgv(spec.command),
    env: Object.entries(spec.env ?? {}).map(([name, value]) => ({ key: nextKey(), name, value })),
    inputs: (spec.inputs ?? []).map(({ cid, path, size }) => ({
      key: nextKey(),
      path,
      cid,
      name: known.get(cid)?.name ?? "",
      size: size ?? known.get(cid)?.size ?? null,
    })),
    network: spec.network ?? false,
    engineModelId: spec.engineModelId ?? "",
    review: spec.review ?? false,
  };
}

type Numbers = Pick<
  JobSpecification,
  "cpuMillis" | "memoryMb" | "gpus" | "diskMb" | "outputLimitMb" | "retries"
>;
const numbersOf = ({ cpuMillis, memoryMb, gpus, diskMb, outputLimitMb, retries }: Numbers) => ({
  cpus: String(cpuMillis / 1000),
  memoryMb: String(memoryMb),
  gpus: String(gpus),
  diskMb: String(diskMb),
  outputLimitMb: String(outputLimitMb),
  retries: String(retries),
});

/** In the largest unit in which it is a whole number. */
function limitOf(seconds: number): Pick<JobDraft, "timeLimit" | "timeUnit"> {
  const units = ["d", "h", "min"] as const;
  const timeUnit = units.find((unit) => seconds > 0 && seconds % TIME_UNITS[unit] === 0) ?? "s";
  return { timeLimit: String(seconds / TIME_UNITS[timeUnit]), timeUnit };
}

/** A number as typed; what is none stays the text, so that it is seen in the JSON, too. */
function numberOf(text: string, factor = 1): number {
  const trimmed = text.trim().replace(",", ".");
  if (!/^-?\d+(\.\d+)?$/.test(trimmed)) return Number.NaN;
  // Thousandths of what has three decimals are whole; floating point makes 0.07 × 1000 a little more.
  return Math.round(Number(trimmed) * factor * 1e6) / 1e6;
}

/** The specification that a draft comes to, right or wrong: numbers that are none are null. */
export function specOf(draft: JobDraft): JobSpecificationInput {
  const read = readArgv(draft.command);
  return {
    version: 1,
    image: draft.image.trim(),
    command: "argv" in read ? read.argv : [],
    env: Object.fromEntries(draft.env.filter(({ name }) => name !== "").map((row) => [row.name, row.value])),
    inputs: draft.inputs.map(({ cid, path, size }) => ({
      cid: cid.trim(),
      path,
      ...(size === null ? {} : { size }),
    })),
    outputLimitMb: numberOf(draft.outputLimitMb),
    cpuMillis: numberOf(draft.cpus, 1000),
    memoryMb: numberOf(draft.memoryMb),
    gpus: numberOf(draft.gpus),
    diskMb: numberOf(draft.diskMb),
    timeLimitSeconds: numberOf(draft.timeLimit, TIME_UNITS[draft.timeUnit]),
    network: draft.network,
    retries: numberOf(draft.retries),
    engineModelId: draft.engineModelId.trim() || null,
    review: draft.review,
  };
}

const SPAN: Partial<Record<keyof typeof JOB_LIMITS, string>> = {
  cpuMillis: "From 0.1 to 256 CPUs, in thousandths.",
  memoryMb: "A whole number from 64 to 4,194,304 MiB.",
  gpus: "A whole number from 0 to 16.",
  diskMb: "A whole number from 16 to 10,485,760 MiB.",
  outputLimitMb: "A whole number from 1 to 10,240 MiB.",
  timeLimitSeconds: "From 1 second to 29 days and 23 hours.",
  retries: "A whole number from 0 to 5.",
};
const IMAGE_NAME = /^[\x21-\x7e]{1,400}$/;
/** Stands for a digest that is not known yet. */
const SOME_DIGEST = `sha256:${"0".repeat(64)}`;

/**
 * Holds a draft to the rules of the platform while it is typed. An image may be named by a tag here; it is resolved
 * with the estimate.
 * @param template gives the limits of its own fields
 */
export function readDraft(
  draft: JobDraft,
  template: JobTemplate | null = null,
): { spec: JobSpecificationInput | null; problems: DraftProblems } {
  const spec = specOf(draft);
  const problems: DraftProblems = {};
  const say = (field: string, problem: string | null) => {
    if (problem !== null) problems[field] ??= problem;
  };
  if (!spec.image) say("image", "Name an image.");
  else if (!IMAGE_NAME.test(spec.image)) say("image", "There are characters in it that no image's name has.");
  const read = readArgv(draft.command);
  if ("problem" in read) say("command", read.problem);
  else if (read.argv.length === 0) say("command", "Say what is to be run.");
  else say("command", sentence(jobCommandProblem(read.argv)));
  readEnv(draft, template, say);
  for (const [at, { path, cid }] of draft.inputs.entries()) {
    const problem = path === "" ? "is empty" : jobPathProblem(path);
    if (problem) say(`inputs.${at}.path`, `The path ${problem}.`);
    if (!cid.trim()) say(`inputs.${at}.cid`, "Choose a file, or give its CID.");
    else if (!isContentCid(cid.trim()))
      say(`inputs.${at}.cid`, "This is not the CID of a file (bafk…, bafy…).");
  }
  for (const name of Object.keys(SPAN) as (keyof typeof SPAN & keyof JobSpecification)[]) {
    const { min, max } = JOB_LIMITS[name as "gpus"];
    const value = spec[name] as number;
    if (!Number.isInteger(value) || value < min || value > max) say(name, SPAN[name] ?? null);
  }
  if (template?.engine && !spec.engineModelId) say("engineModelId", "Choose the model that is to answer.");
  if (Object.keys(problems).length > 0) return { spec: null, problems };
  try {
    // Sizes of files that are known by their CID alone are looked up by the API, which then looks at the disk again.
    const inputs = (spec.inputs ?? []).map(({ cid, path, size }) => ({ cid, path, size: size ?? 0 }));
    const image = isImageDigest(spec.image) ? spec.image : SOME_DIGEST;
    assertJobSpecification({ ...spec, inputs, image } as JobSpecification);
  } catch (error) {
    if (!(error instanceof JobSpecificationError)) throw error;
    say(error.field, sentence(error.message));
  }
  return { spec: Object.keys(problems).length > 0 ? null : spec, problems };
}

function readEnv(
  draft: JobDraft,
  template: JobTemplate | null,
  say: (field: string, problem: string | null) => void,
): void {
  const seen = new Set<string>();
  for (const [at, { name, value }] of draft.env.entries()) {
    if (name === "" && value === "") continue;
    if (name === "") say(`env.${at}`, "Give the variable a name.");
    else if (seen.has(name)) say(`env.${at}`, `${name} is there twice.`);
    else say(`env.${at}`, sentence(jobEnvProblem({ [name]: value })));
    seen.add(name);
    const parameter = template?.parameters.find(({ env }) => env === name);
    if (parameter?.type === "number") say(`env.${at}`, numberProblem(parameter, value));
  }
  if (draft.env.length > JOB_LIMITS.envItems) say("env", `At most ${JOB_LIMITS.envItems} variables.`);
}

function numberProblem(
  { min, max }: Pick<JobTemplate["parameters"][number], "min" | "max">,
  value: string,
): string | null {
  const number = Number(value.trim());
  if (value.trim() === "" || !Number.isFinite(number)) return "Write a number.";
  if (min !== undefined && number < min) return `At least ${min}.`;
  if (max !== undefined && number > max) return `At most ${max}.`;
  return null;
}

/** A problem as the rules name it ("is empty", "more than…") as a sentence. */
const sentence = (problem: string | null): string | null =>
  problem === null
    ? null
    : `${problem.charAt(0).toUpperCase()}${problem.slice(1)}${problem.endsWith(".") ? "" : "."}`;

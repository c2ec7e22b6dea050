import type { JobSpecificationInput } from "../api/types.ts";
import { draftOfSpec, type JobDraft, specOf } from "./draft.ts";

/** The draft's specification as text to edit. A number that is none yet is null. */
export const writeSpec = (draft: JobDraft): string => JSON.stringify(specOf(draft), null, 2);

type Check = (value: unknown) => string | null;
const number: Check = (value) => (typeof value === "number" ? null : "a number");
const text: Check = (value) => (typeof value === "string" ? null : "a text");
const flag: Check = (value) => (typeof value === "boolean" ? null : "true or false");
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const texts = (values: unknown[]) => values.every((value) => typeof value === "string");

const FIELDS: Record<string, { needed?: true; check: Check }> = {
  version: { check: (value) => (value === 1 ? null : "1") },
  image: { needed: true, check: text },
  command: {
    needed: true,
    check: (value) => (Array.isArray(value) && texts(value) ? null : "a list of texts"),
  },
  env: { check: (value) => (isObject(value) && texts(Object.values(value)) ? null : "an object of texts") },
  inputs: {
    check: (value) => (Array.isArray(value) && value.every(isInput) ? null : "a list of {cid, path}"),
  },
  outputLimitMb: { needed: true, check: number },
  cpuMillis: { needed: true, check: number },
  memoryMb: { needed: true, check: number },
  gpus: { check: number },
  diskMb: { needed: true, check: number },
  timeLimitSeconds: { needed: true, check: number },
  network: { check: flag },
  retries: { check: number },
  engineModelId: { check: (value) => (value === null ? null : text(value) && "a UUID or null") },
  review: { check: flag },
};

function isInput(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { cid, path, size, ...rest } = value;
  const sized = size === undefined || (typeof size === "number" && Number.isSafeInteger(size) && size >= 0);
  return typeof cid === "string" && typeof path === "string" && sized && Object.keys(rest).length === 0;
}

/**
 * Reads a specification that was edited as text. Its values are held to the platform's rules by `readDraft`.
 * @param before names and sizes of files are kept from it
 */
export function readSpec(source: string, before: JobDraft): { draft: JobDraft } | { problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    return { problem: `This is not JSON: ${(error as Error).message}.` };
  }
  if (!isObject(value)) return { problem: "A job is an object: {…}." };
  for (const [name, { needed, check }] of Object.entries(FIELDS)) {
    if (value[name] === undefined) {
      if (needed) return { problem: `“${name}” is missing.` };
      continue;
    }
    const wanted = check(value[name]);
    if (wanted) return { problem: `“${name}” has to be ${wanted}.` };
  }
  const unknown = Object.keys(value).find((name) => !(name in FIELDS));
  if (unknown !== undefined) return { problem: `A job has no field “${unknown}”.` };
  const known = new Map(before.inputs.map(({ cid, name, size }) => [cid, { name, size }]));
  return { draft: draftOfSpec(value as unknown as JobSpecificationInput, known) };
}

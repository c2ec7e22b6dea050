import type { Hex } from "viem";
import { MonthError, monthIndex } from "./month.ts";

/** The inputs are not as published: not canonical, out of range, or at odds with themselves. `path` names the place. */
export class InputsError extends Error {
  override name = "InputsError";
  readonly path: string;
  constructor(path: string, message: string) {
    super(path ? `${path}: ${message}` : message);
    this.path = path;
  }
}

const MAX_ROWS = 200_000;
const HASH = /^0x[0-9a-f]{64}$/;
const NUMBER = /^(0|[1-9][0-9]{0,29})$/;

/** An object of these fields and no other. */
export function fields<const name extends string>(
  json: unknown,
  at: string,
  names: readonly name[],
): Record<name, unknown> {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new InputsError(at, "Not an object");
  const found = Object.keys(json);
  const missing = names.find((name) => !found.includes(name));
  if (missing) throw new InputsError(at, `${missing} is missing`);
  const unknown = found.find((name) => !(names as readonly string[]).includes(name));
  if (unknown !== undefined) throw new InputsError(at, `Unknown field ${JSON.stringify(unknown)}`);
  return json as Record<name, unknown>;
}

/** An array in strictly rising order, so that nothing is in it twice. */
export function rows<T>(
  json: unknown,
  at: string,
  read: (row: unknown, at: string) => T,
  order: (a: T, b: T) => number,
): T[] {
  if (!Array.isArray(json)) throw new InputsError(at, "Not an array");
  if (json.length > MAX_ROWS) throw new InputsError(at, `More than ${MAX_ROWS} rows`);
  const all = json.map((row, place) => read(row, `${at}[${place}]`));
  const wrong = all.findIndex((row, place) => place > 0 && order(all[place - 1] as T, row) >= 0);
  if (wrong > 0) throw new InputsError(`${at}[${wrong}]`, "Out of order, or there twice");
  return all;
}

export function text(json: unknown, at: string, pattern: RegExp): string {
  if (typeof json !== "string" || !pattern.test(json))
    throw new InputsError(at, "Not written as it should be");
  return json;
}

export const hash = (json: unknown, at: string): Hex => text(json, at, HASH) as Hex;

/** A whole number as a decimal string. */
export function integer(json: unknown, at: string, max: bigint): bigint {
  const value = BigInt(text(json, at, NUMBER));
  if (value > max) throw new InputsError(at, `More than ${max}`);
  return value;
}

/** A whole number as a JSON number. */
export function small(json: unknown, at: string, min: number, max: number): number {
  if (typeof json !== "number" || !Number.isInteger(json) || json < min || json > max)
    throw new InputsError(at, `Not a whole number from ${min} to ${max}`);
  return json;
}

/** The contract's number of a month like "2026-11". */
export function indexOf(month: string, at: string): number {
  try {
    return monthIndex(month);
  } catch (error) {
    if (error instanceof MonthError) throw new InputsError(at, error.message);
    throw error;
  }
}

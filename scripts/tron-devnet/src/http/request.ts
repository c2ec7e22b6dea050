import { type Address, parseAddress } from "../protocol/address.ts";
import { fromHex } from "../protocol/hex.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import type { View } from "./view.ts";

/** A question to a node: the fields of the body and of the query together. */
export interface Question {
  params: JsonObject;
  view: View;
  /** Whether it was put to the solidity node, which answers from solid blocks. */
  solid: boolean;
}

export type Handler = (question: Question) => Json | Promise<Json>;

export interface Answer {
  status: number;
  body: Json;
}

/** The question is not understood. A node answers 200 with an `Error`. */
export class RequestError extends Error {
  override name = "RequestError";
}

export function addressParam(params: JsonObject, name: string): Address {
  return parseAddress(params[name]) ?? fail(`${name} is not an address: ${show(params[name])}`);
}

/** A whole number, also when it comes as text; `fallback` if it is not there. */
export function intParam(params: JsonObject, name: string, fallback?: number): number {
  const value = params[name];
  if (value === undefined || value === null || value === "") {
    return fallback ?? fail(`${name} is missing`);
  }
  const number = typeof value === "string" && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number)) return number;
  return fail(`${name} is not a whole number: ${show(value)}`);
}

export function hexParam(params: JsonObject, name: string): Uint8Array {
  return fromHex(params[name] ?? "") ?? fail(`${name} is not hexadecimal`);
}

export const flagParam = (params: JsonObject, name: string) =>
  params[name] === true || params[name] === "true";

/** The hexadecimal of 32 bytes, as block and transaction ids are. */
export function idParam(params: JsonObject, name = "value"): string {
  const value = params[name];
  const text = typeof value === "string" ? value.replace(/^0x/, "").toLowerCase() : "";
  return /^[0-9a-f]{64}$/.test(text) ? text : fail(`${name} is not an id: ${show(value)}`);
}

function fail(message: string): never {
  throw new RequestError(message);
}

const show = (value: Json | undefined) => JSON.stringify(value ?? null).slice(0, 100);

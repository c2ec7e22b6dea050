import { nodeAddress, parseAddress } from "./address.ts";
import { fromHex, toHex } from "./hex.ts";
import { type Field, type Message, ProtobufError, type Schema, type Value } from "./protobuf.ts";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined };
export type JsonObject = { [key: string]: Json | undefined };

export const isObject = (json: unknown): json is JsonObject =>
  typeof json === "object" && json !== null && !Array.isArray(json);

/** A message as a node's JSON has it: bytes in hexadecimal, numbers as numbers, enums by name, no defaults. */
export function messageToJson(schema: Schema, message: Message): JsonObject {
  const json: JsonObject = {};
  for (const field of schema) {
    const value = message[field.name];
    if (value === undefined) continue;
    if (field.repeated) json[field.name] = (value as Value[]).map((item) => valueToJson(field, item));
    else if (!isDefault(value)) json[field.name] = valueToJson(field, value);
  }
  return json;
}

function isDefault(value: Value): boolean {
  return (
    value === 0n || value === false || value === "" || (value instanceof Uint8Array && value.length === 0)
  );
}

function valueToJson(field: Field, value: Value): Json {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === "bigint")
    return field.names ? (field.names[Number(value)] ?? Number(value)) : Number(value);
  if (field.type === "message") return messageToJson(field.schema as Schema, value as Message);
  return value as string | boolean;
}

/**
 * The message that a node's JSON stands for. Fields that the schema does not name are ignored, as a node does.
 * @throws {ProtobufError} when a field is not of its type.
 */
export function messageFromJson(schema: Schema, json: Json | undefined): Message {
  if (!isObject(json)) throw new ProtobufError("Not an object");
  const message: Message = {};
  for (const field of schema) {
    const value = json[field.name];
    if (value === undefined || value === null) continue;
    if (!field.repeated) message[field.name] = valueFromJson(field, value);
    else if (Array.isArray(value)) message[field.name] = value.map((item) => valueFromJson(field, item));
    else throw new ProtobufError(`${field.name} is not a list`);
  }
  return message;
}

function valueFromJson(field: Field, json: Json): Value {
  const wrong = () => new ProtobufError(`${field.name} is not of its type`);
  switch (field.type) {
    case "message":
      return messageFromJson(field.schema as Schema, json);
    case "text":
      if (typeof json !== "string") throw wrong();
      return json;
    case "bool":
      if (typeof json !== "boolean") throw wrong();
      return json;
    case "int":
      return intFromJson(field, json) ?? fail(wrong());
    case "bytes": {
      // With `visible`, a client writes its addresses in base58.
      const address = field.name.endsWith("_address") ? parseAddress(json) : null;
      return fromHex(address ? nodeAddress(address) : json) ?? fail(wrong());
    }
  }
}

function intFromJson(field: Field, json: Json): bigint | null {
  if (field.names && typeof json === "string") {
    const wanted = json.toLowerCase();
    const found = Object.entries(field.names).find(([, name]) => name.toLowerCase() === wanted);
    if (found) return BigInt(found[0]);
  }
  if (typeof json === "number" && Number.isSafeInteger(json)) return BigInt(json);
  return typeof json === "string" && /^-?\d{1,19}$/.test(json) ? BigInt(json) : null;
}

function fail(error: Error): never {
  throw error;
}

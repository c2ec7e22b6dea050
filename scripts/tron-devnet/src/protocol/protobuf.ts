/**
 * The protobuf wire format, as far as Tron's messages use it (proto3: varints and length-delimited fields).
 * Source: https://protobuf.dev/programming-guides/encoding/
 */

/** One field of a message. `int` covers int32, int64 and enums, which share their encoding. */
export interface Field {
  number: number;
  name: string;
  type: "int" | "bool" | "bytes" | "text" | "message";
  repeated?: boolean;
  /** Of a field of type `message`. */
  schema?: Schema;
  /** Of an enum: the names of its values, by number. */
  names?: Readonly<Record<number, string>>;
}

/** The fields of a message in ascending order of their numbers, which is the order in which they are written. */
export type Schema = readonly Field[];

export type Value = bigint | boolean | Uint8Array | string | Message | Value[];

/** A decoded message. A field that is absent has its default: 0, false, empty. */
export interface Message {
  [name: string]: Value | undefined;
}

/** The bytes are not a message of the schema. */
export class ProtobufError extends Error {
  override name = "ProtobufError";
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Writes a message canonically: ascending fields, no defaults, shortest varints. */
export function encode(schema: Schema, message: Message): Uint8Array {
  const out: number[] = [];
  for (const field of schema) {
    const value = message[field.name];
    if (value === undefined) continue;
    for (const item of field.repeated ? (value as Value[]) : [value]) writeField(out, field, item);
  }
  return Uint8Array.from(out);
}

function writeField(out: number[], field: Field, value: Value) {
  if (field.type === "int" || field.type === "bool") {
    const number = BigInt(value as bigint | boolean);
    if (number === 0n && !field.repeated) return;
    writeVarint(out, BigInt(field.number << 3));
    writeVarint(out, BigInt.asUintN(64, number));
    return;
  }
  const bytes =
    field.type === "message"
      ? encode(field.schema as Schema, value as Message)
      : field.type === "text"
        ? new TextEncoder().encode(value as string)
        : (value as Uint8Array);
  // An empty message that is there is written; empty bytes are a default.
  if (bytes.length === 0 && field.type !== "message" && !field.repeated) return;
  writeVarint(out, BigInt((field.number << 3) | LENGTH_DELIMITED));
  writeVarint(out, BigInt(bytes.length));
  for (const byte of bytes) out.push(byte);
}

function writeVarint(out: number[], value: bigint) {
  let rest = value;
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
}

/**
 * Reads a message. Fields that the schema does not name are skipped; whoever must know compares with what
 * {@link encode} makes of the result.
 * @throws {ProtobufError}
 */
export function decode(schema: Schema, bytes: Uint8Array): Message {
  const message: Message = {};
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = Number(reader.varint());
    const wire = tag & 7;
    const field = schema.find(({ number }) => number === tag >>> 3);
    if (!field) {
      reader.skip(wire);
      continue;
    }
    const value = readField(reader, field, wire);
    if (field.repeated)
      message[field.name] = [...((message[field.name] as Value[] | undefined) ?? []), value];
    else message[field.name] = value;
  }
  return message;
}

function readField(reader: Reader, field: Field, wire: number): Value {
  const expected = field.type === "int" || field.type === "bool" ? VARINT : LENGTH_DELIMITED;
  if (wire !== expected) throw new ProtobufError(`Field ${field.name} has wire type ${wire}`);
  if (field.type === "int") return BigInt.asIntN(64, reader.varint());
  if (field.type === "bool") return reader.varint() !== 0n;
  const bytes = reader.bytes();
  if (field.type === "bytes") return bytes;
  if (field.type === "message") return decode(field.schema as Schema, bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ProtobufError(`Field ${field.name} is not UTF-8`);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done() {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new ProtobufError("The message ends within a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ProtobufError("A number is longer than ten bytes");
  }

  bytes(): Uint8Array {
    return this.#take(Number(this.varint()));
  }

  skip(wire: number) {
    if (wire === VARINT) this.varint();
    else if (wire === LENGTH_DELIMITED) this.bytes();
    else if (wire === FIXED64) this.#take(8);
    else if (wire === FIXED32) this.#take(4);
    else throw new ProtobufError(`Unknown wire type ${wire}`);
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new ProtobufError("The message ends within a field");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

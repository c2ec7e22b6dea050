import { InputError } from "./errors.mjs";
import { TENSOR_TYPES } from "./quantization.mjs";

/**
 * GGUF files, version 2 and 3: a header of named values, a table of tensors, and their numbers.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */

const MAGIC = 0x46554747; // "GGUF"
const STRING = 8;
const ARRAY = 9;

/** Bytes and reader of each fixed-size type of value. @type {Record<number, [number, (data: DataView, at: number) => number | bigint | boolean]>} */
const SCALARS = {
  0: [1, (data, at) => data.getUint8(at)],
  1: [1, (data, at) => data.getInt8(at)],
  2: [2, (data, at) => data.getUint16(at, true)],
  3: [2, (data, at) => data.getInt16(at, true)],
  4: [4, (data, at) => data.getUint32(at, true)],
  5: [4, (data, at) => data.getInt32(at, true)],
  6: [4, (data, at) => data.getFloat32(at, true)],
  7: [1, (data, at) => data.getUint8(at) !== 0],
  10: [8, (data, at) => data.getBigUint64(at, true)],
  11: [8, (data, at) => data.getBigInt64(at, true)],
  12: [8, (data, at) => data.getFloat64(at, true)],
};

/** @typedef {{ name: string, shape: number[], count: number, typeId: number, bytes: Uint8Array }} Tensor */
/**
 * `values` are the header's, `raw` each of them as it stood in the file (key, type and value), in order.
 * @typedef {{ values: Map<string, unknown>, raw: Map<string, Uint8Array>, tensors: Tensor[], alignment: number }} Gguf
 */

class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }
  /** @param {number} length */
  take(length) {
    const start = this.at;
    if (!(length >= 0 && start + length <= this.bytes.length))
      throw new InputError("The weights file is cut off or damaged.", "Upload it again.");
    this.at += length;
    return start;
  }
  u32() {
    return this.data.getUint32(this.take(4), true);
  }
  size() {
    const value = this.data.getBigUint64(this.take(8), true);
    if (value > BigInt(this.bytes.length)) this.take(Number.POSITIVE_INFINITY);
    return Number(value);
  }
  string() {
    const length = this.size();
    const start = this.take(length);
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, length).toString("utf8");
  }
  /** @param {number} type @returns {unknown} */
  value(type) {
    if (type === STRING) return this.string();
    if (type === ARRAY) {
      const of = this.u32();
      return Array.from({ length: this.size() }, () => this.value(of));
    }
    const scalar = SCALARS[type];
    if (!scalar) throw new InputError(`The weights file has a value of the unknown type ${type}.`);
    return scalar[1](this.data, this.take(scalar[0]));
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {Gguf}
 * @throws InputError when it is no GGUF file or holds tensors of a type that is not known here
 */
export function readGguf(bytes) {
  const reader = new Reader(bytes);
  if (bytes.length < 24 || reader.u32() !== MAGIC) throw new InputError("The weights are not a GGUF file.");
  const version = reader.u32();
  if (version !== 2 && version !== 3)
    throw new InputError(`GGUF version ${version} is not supported; 2 and 3 are.`);
  const tensorCount = reader.size();
  const valueCount = reader.size();
  const values = new Map();
  const raw = new Map();
  for (let i = 0; i < valueCount; i++) {
    const start = reader.at;
    const key = reader.string();
    values.set(key, reader.value(reader.u32()));
    raw.set(key, bytes.subarray(start, reader.at));
  }
  const alignment = Number(values.get("general.alignment") ?? 32);
  if (!(alignment > 0 && alignment % 8 === 0))
    throw new InputError(`The weights file has the alignment ${alignment}.`);
  const table = Array.from({ length: tensorCount }, () => {
    const name = reader.string();
    const dimensions = reader.u32();
    if (dimensions > 4) throw new InputError(`The tensor ${name} has ${dimensions} dimensions.`);
    const shape = Array.from({ length: dimensions }, () => reader.size());
    return { name, shape, typeId: reader.u32(), offset: reader.size() };
  });
  const start = Math.ceil(reader.at / alignment) * alignment;
  const tensors = table.map(({ name, shape, typeId, offset }) => {
    const type = TENSOR_TYPES.get(typeId);
    if (!type)
      throw new InputError(
        `The tensor ${name} has the GGUF type ${typeId}; F32, F16 and Q8_0 can be trained.`,
        "Convert the model to Q8_0 or F16 first.",
      );
    const count = shape.reduce((product, side) => product * side, 1);
    reader.at = start + offset;
    const at = reader.take(type.bytesOf(count));
    return { name, shape, count, typeId, bytes: bytes.subarray(at, reader.at) };
  });
  return { values, raw, tensors, alignment };
}

/** @param {string} text */
function encodeString(text) {
  const bytes = Buffer.from(text, "utf8");
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
}
/** @param {number} value */
function encodeU32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
/** @param {number} value */
function encodeU64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/**
 * The file with other numbers in its tensors. Its header stays as it was, byte for byte, but for the name.
 * @param {Gguf} gguf
 * @param {string} name for `general.name`
 * @returns {Buffer} GGUF version 3
 */
export function writeGguf({ raw, tensors, alignment }, name) {
  const key = "general.name";
  const named = new Map(raw).set(
    key,
    Buffer.concat([encodeString(key), encodeU32(STRING), encodeString(name)]),
  );
  let offset = 0;
  const table = [];
  const data = [];
  for (const tensor of tensors) {
    table.push(encodeString(tensor.name), encodeU32(tensor.shape.length), ...tensor.shape.map(encodeU64));
    table.push(encodeU32(tensor.typeId), encodeU64(offset));
    const padding = (alignment - (tensor.bytes.length % alignment)) % alignment;
    data.push(tensor.bytes, Buffer.alloc(padding));
    offset += tensor.bytes.length + padding;
  }
  const counts = [encodeU64(tensors.length), encodeU64(named.size)];
  const head = Buffer.concat([encodeU32(MAGIC), encodeU32(3), ...counts, ...named.values(), ...table]);
  const padding = (alignment - (head.length % alignment)) % alignment;
  return Buffer.concat([head, Buffer.alloc(padding), ...data]);
}

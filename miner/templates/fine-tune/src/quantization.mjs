/** How GGUF stores the numbers of a tensor: the three types that can be read and written here. */

/** Numbers that share one scale in Q8_0. */
const BLOCK = 32;
/** Bytes of such a block: the scale as half-precision number, then 32 signed bytes. */
const BLOCK_BYTES = 34;

/** @typedef {{ name: string, bytesOf: (count: number) => number, read: (bytes: Uint8Array, into: Float32Array) => void, write: (from: Float32Array, bytes: Uint8Array) => void }} TensorType */

const view = (/** @type {Uint8Array} */ bytes) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** @type {TensorType} */
const F32 = {
  name: "F32",
  bytesOf: (count) => count * 4,
  read(bytes, into) {
    const data = view(bytes);
    for (let i = 0; i < into.length; i++) into[i] = data.getFloat32(i * 4, true);
  },
  write(from, bytes) {
    const data = view(bytes);
    for (let i = 0; i < from.length; i++) data.setFloat32(i * 4, from[i], true);
  },
};

/** @type {TensorType} */
const F16 = {
  name: "F16",
  bytesOf: (count) => count * 2,
  read(bytes, into) {
    const data = view(bytes);
    for (let i = 0; i < into.length; i++) into[i] = data.getFloat16(i * 2, true);
  },
  write(from, bytes) {
    const data = view(bytes);
    for (let i = 0; i < from.length; i++) data.setFloat16(i * 2, from[i], true);
  },
};

/** @type {TensorType} */
const Q8_0 = {
  name: "Q8_0",
  bytesOf: (count) => (count / BLOCK) * BLOCK_BYTES,
  read(bytes, into) {
    const data = view(bytes);
    for (let block = 0, at = 0; block * BLOCK < into.length; block++, at += BLOCK_BYTES) {
      const scale = data.getFloat16(at, true);
      for (let i = 0; i < BLOCK; i++) into[block * BLOCK + i] = scale * data.getInt8(at + 2 + i);
    }
  },
  // As llama.cpp does it: the largest number of a block becomes ±127.
  write(from, bytes) {
    const data = view(bytes);
    for (let block = 0, at = 0; block * BLOCK < from.length; block++, at += BLOCK_BYTES) {
      let largest = 0;
      for (let i = 0; i < BLOCK; i++) largest = Math.max(largest, Math.abs(from[block * BLOCK + i]));
      const scale = largest / 127;
      data.setFloat16(at, scale, true);
      for (let i = 0; i < BLOCK; i++) {
        const value = scale === 0 ? 0 : from[block * BLOCK + i] / scale;
        data.setInt8(at + 2 + i, Math.sign(value) * Math.round(Math.abs(value)));
      }
    }
  },
};

/** By the number that a GGUF file gives them. @type {ReadonlyMap<number, TensorType>} */
export const TENSOR_TYPES = new Map([
  [0, F32],
  [1, F16],
  [8, Q8_0],
]);

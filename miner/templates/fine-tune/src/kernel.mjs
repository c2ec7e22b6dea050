import { InputError } from "./errors.mjs";

/**
 * Matrix multiplication, where nearly all of the time goes. The innermost loops are WebAssembly SIMD, written
 * here by hand: a tile of 4 rows and 8 columns stays in registers while the inner dimension runs. It multiplies
 * and adds in two steps (no fused multiply-add), so that every machine gets the same bits.
 */

const I32 = 0x7f;
const V128 = 0x7b;
const ROWS = 4;
const COLUMNS = 8;

/** @param {number} value unsigned LEB128 */
function leb(value) {
  const bytes = [];
  do {
    const rest = value >>> 7;
    bytes.push((value & 0x7f) | (rest ? 0x80 : 0));
    value = rest;
  } while (value);
  return bytes;
}
/** @param {number} id @param {number[]} body */
const section = (id, body) => [id, ...leb(body.length), ...body];
/** @param {string} text */
const name = (text) => [...leb(text.length), ...Buffer.from(text)];
/** @param {number} index */
const get = (index) => [0x20, ...leb(index)];
/** @param {number} index */
const set = (index) => [0x21, ...leb(index)];
/** @param {number} value 0 to 63 */
const constant = (value) => [0x41, value];
const ADD = 0x6a;
/** @param {number} offset bytes */
const load = (offset) => [0xfd, 0x00, 0x02, ...leb(offset)];
/** @param {number} offset bytes */
const loadSplat = (offset) => [0xfd, 0x09, 0x02, ...leb(offset)];
/** @param {number} offset bytes */
const store = (offset) => [0xfd, 0x0b, 0x02, ...leb(offset)];
const ZERO = [0xfd, 0x0c, ...new Array(16).fill(0)];
const F32X4_ADD = [0xfd, 0xe4, 0x01];
const F32X4_MUL = [0xfd, 0xe6, 0x01];

/**
 * `tile(a, b, c, cRow, inner32, panels, add)`: 4 rows of C from packed A ([inner][4]) and packed B
 * ([panels][inner][8]). Addresses and `cRow` in bytes; `inner32` is 32 times the inner dimension.
 */
function program() {
  const [A, B, C, C_ROW, INNER, PANELS, ADD_TO] = [0, 1, 2, 3, 4, 5, 6];
  const [AT, END] = [7, 8];
  /** @param {number} row */
  const rowOf = (row) => (row === 0 ? C : 8 + row); // locals 9, 10, 11
  /** @param {number} row @param {number} half */
  const sum = (row, half) => 12 + row * 2 + half; // locals 12 to 19
  const B_LOW = 20;
  const B_HIGH = 21;
  const tiles = Array.from({ length: ROWS * 2 }, (_, i) => ({ row: i >> 1, half: i & 1 }));

  const body = [
    ...[1, 2, 3].flatMap((row) => [...get(rowOf(row - 1)), ...get(C_ROW), ADD, ...set(rowOf(row))]),
    ...[0x03, 0x40], // for each panel of 8 columns
    ...[...get(ADD_TO), 0x04, 0x40],
    ...tiles.flatMap(({ row, half }) => [...get(rowOf(row)), ...load(half * 16), ...set(sum(row, half))]),
    0x05,
    ...tiles.flatMap(({ row, half }) => [...ZERO, ...set(sum(row, half))]),
    0x0b,
    ...[...get(A), ...set(AT), ...get(B), ...get(INNER), ADD, ...set(END)],
    ...[0x03, 0x40], // for each element of the inner dimension
    ...[...get(B), ...load(0), ...set(B_LOW), ...get(B), ...load(16), ...set(B_HIGH)],
    ...tiles.flatMap(({ row, half }) => [
      ...[...get(AT), ...loadSplat(row * 4), ...get(half ? B_HIGH : B_LOW), ...F32X4_MUL],
      ...[...get(sum(row, half)), ...F32X4_ADD, ...set(sum(row, half))],
    ]),
    ...[...get(AT), ...constant(16), ADD, ...set(AT)],
    ...[...get(B), ...constant(32), ADD, 0x22, B, ...get(END), 0x49, 0x0d, 0x00, 0x0b],
    ...tiles.flatMap(({ row, half }) => [...get(rowOf(row)), ...get(sum(row, half)), ...store(half * 16)]),
    ...[0, 1, 2, 3].flatMap((row) => [...get(rowOf(row)), ...constant(32), ADD, ...set(rowOf(row))]),
    ...[...get(PANELS), ...constant(1), 0x6b, 0x22, PANELS, 0x0d, 0x00, 0x0b],
    0x0b,
  ];
  const locals = [2, ...leb(5), I32, ...leb(10), V128];
  const code = [...locals, ...body];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, 7, ...new Array(7).fill(I32), 0]),
    ...section(2, [1, ...name("js"), ...name("memory"), 0x02, 0x00, 0x00]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name("tile"), 0x00, 0]),
    ...section(10, [1, ...leb(code.length), ...code]),
  ]);
}

/**
 * A matrix operand as it lies in memory: element (i, j) is `data[i * row + j * column]`.
 * @typedef {{ data: Float32Array, row: number, column: number }} Operand
 */

/** Bytes that WebAssembly can address. */
const ADDRESSABLE = 2 ** 32;
/** Bytes that Node itself and the files take. */
const OVERHEAD = 100 * 2 ** 20;

/**
 * Memory for all numbers of a training, and the product over it.
 * @param {number} floats what will be allocated, at least
 * @throws InputError when that is more than there is
 */
export function createKernel(floats) {
  const pages = Math.ceil((floats * 4) / 65536) + 1;
  const wanted = pages * 65536;
  // 0 or a number beyond any machine when nothing limits the process.
  const limit = Math.min(ADDRESSABLE, (process.constrainedMemory() || Number.POSITIVE_INFINITY) - OVERHEAD);
  if (wanted > limit) {
    const mega = (/** @type {number} */ bytes) => Math.round(bytes / 2 ** 20);
    throw new InputError(
      `The training needs ${mega(wanted)} MB for its numbers and has ${mega(limit)} MB.`,
      "Give the job more memory (4 GB are the most it can use), or a lower BATCH_TOKENS, TRAIN_LAYERS or shorter lines.",
    );
  }
  const memory = new WebAssembly.Memory({ initial: pages });
  const { tile } = /** @type {{ tile: (...values: number[]) => void }} */ (
    new WebAssembly.Instance(new WebAssembly.Module(program()), { js: { memory } }).exports
  );
  let used = 16;

  /** @param {number} length @returns {Float32Array<ArrayBuffer>} zeros, at an address that is a multiple of 16 */
  function allocate(length) {
    const view = new Float32Array(memory.buffer, used, length);
    used += Math.ceil(length / 4) * 16;
    return view;
  }

  /** Packed operands; they grow with what is asked of them. */
  let packedA = allocate(0);
  let packedB = allocate(0);
  let edge = allocate(0);

  /** Sets scratch memory aside for products up to this size. @param {{ inner: number, b: number, columns: number }} largest */
  function reserve({ inner, b, columns }) {
    packedA = allocate(inner * ROWS);
    packedB = allocate(b);
    edge = allocate(columns * ROWS);
  }

  /**
   * C = A · B, or C += A · B. `columns` is a multiple of 8, and so much room has each row of C.
   * @param {{ rows: number, columns: number, inner: number, a: Operand, b: Operand, c: Float32Array, cRow: number, add?: boolean }} product
   */
  function multiply({ rows, columns, inner, a, b, c, cRow, add = false }) {
    const panels = columns / COLUMNS;
    for (let panel = 0, at = 0; panel < panels; panel++)
      for (let k = 0; k < inner; k++) {
        let from = k * b.row + panel * COLUMNS * b.column;
        for (let j = 0; j < COLUMNS; j++, from += b.column) packedB[at++] = b.data[from];
      }
    for (let row = 0; row < rows; row += ROWS) {
      const count = Math.min(ROWS, rows - row);
      for (let i = 0; i < ROWS; i++) {
        let from = (row + i) * a.row;
        if (i < count)
          for (let k = 0, at = i; k < inner; k++, at += ROWS, from += a.column) packedA[at] = a.data[from];
        else for (let k = 0, at = i; k < inner; k++, at += ROWS) packedA[at] = 0;
      }
      const target = c.byteOffset + row * cRow * 4;
      const [pa, pb, depth] = [packedA.byteOffset, packedB.byteOffset, inner * 32];
      if (count === ROWS) {
        tile(pa, pb, target, cRow * 4, depth, panels, add ? 1 : 0);
        continue;
      }
      tile(pa, pb, edge.byteOffset, columns * 4, depth, panels, 0);
      for (let i = 0; i < count; i++)
        for (let j = 0; j < columns; j++) {
          const at = (row + i) * cRow + j;
          c[at] = (add ? c[at] : 0) + edge[i * columns + j];
        }
    }
  }

  return { allocate, reserve, multiply };
}
/** @typedef {ReturnType<typeof createKernel>} Kernel */

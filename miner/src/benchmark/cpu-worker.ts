// One core's work for a given time: what a matrix product and a hash make of it.
import { createHash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";

const SIZE = 192;
const BLOCK = 1024 * 1024;

/** Multiplies matrices of 32-bit floats. @returns floating-point operations a second, in billions */
function gflops(ms: number): number {
  const length = SIZE * SIZE;
  const a = Float32Array.from({ length }, (_, at) => (at % 7) / 7);
  const b = Float32Array.from({ length }, (_, at) => (at % 5) / 5);
  const product = new Float32Array(length);
  let rounds = 0;
  const start = performance.now();
  do {
    product.fill(0);
    for (let row = 0; row < SIZE; row++)
      for (let inner = 0; inner < SIZE; inner++) {
        const factor = a[row * SIZE + inner] as number;
        for (let column = 0; column < SIZE; column++)
          product[row * SIZE + column]! += factor * (b[inner * SIZE + column] as number);
      }
    rounds += 1;
  } while (performance.now() - start < ms);
  return (rounds * 2 * SIZE ** 3) / (performance.now() - start) / 1e6;
}

/** @returns MB hashed a second */
function sha256(ms: number): number {
  const block = Buffer.alloc(BLOCK, 7);
  const hash = createHash("sha256");
  let bytes = 0;
  const start = performance.now();
  do {
    hash.update(block);
    bytes += BLOCK;
  } while (performance.now() - start < ms);
  return bytes / (performance.now() - start) / 1_000;
}

const { ms } = workerData as { ms: number };
// Shorter than what counts, so that the code is compiled by then.
gflops(100);
parentPort?.postMessage({ gflops: gflops(ms), sha256Mbs: sha256(ms) });

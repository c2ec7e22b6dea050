import { addressOfKey, sha256 } from "../protocol/crypto.ts";

/** How many take turns in making blocks. */
export const WITNESSES = 27;
/** More than 70 % of them must have built on a block before it is solid: java-tron's SOLIDIFIED_THRESHOLD. */
const SOLID_INDEX = Math.floor(WITNESSES * (1 - 0.7));

const keys = Array.from({ length: WITNESSES }, (_, index) =>
  sha256(Buffer.from(`tron-devnet witness ${index}`)),
);
const addresses = keys.map(addressOfKey);

/** Each slot of time belongs to one witness. A witness that misses its slot makes no block in it. */
const witnessOf = (slot: number) => slot % WITNESSES;
export const witnessAddress = (slot: number) => addresses[witnessOf(slot)] as string;
export const witnessKey = (slot: number) => keys[witnessOf(slot)] as Uint8Array;

/** Follows which blocks are solid, as a node does: by the newest block of each witness. */
export class SolidTracker {
  readonly #newest = new Array<number>(WITNESSES).fill(0);

  /**
   * Takes the block at `height` in.
   * @param before the solid height before it
   * @returns the solid height after it
   */
  add(height: number, slot: number, before: number): number {
    this.#newest[witnessOf(slot)] = height;
    const solid = [...this.#newest].sort((a, b) => a - b)[SOLID_INDEX] as number;
    return Math.max(before, solid);
  }

  /** Starts again from a chain that ends at `head`. */
  reset(head: number, slotOf: (height: number) => number) {
    this.#newest.fill(0);
    const seen = new Set<number>();
    for (let height = head; height > 0 && seen.size < WITNESSES; height--) {
      const witness = witnessOf(slotOf(height));
      if (!seen.has(witness)) this.#newest[witness] = height;
      seen.add(witness);
    }
  }
}

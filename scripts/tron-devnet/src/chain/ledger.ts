import { toHex } from "../protocol/hex.ts";
import type { JsonObject } from "../protocol/json.ts";
import type { Change } from "../vm/state.ts";
import { type BlockParts, blockId, blockToJson, type Included, merkleRoot } from "./block.ts";
import { type Header, Headers } from "./headers.ts";
import { SolidTracker } from "./witnesses.ts";

/** How far below the solid height the state can still be read, for backends that lag. */
const READABLE = 128;

/** A block as it is made. */
export interface NewBlock {
  time: number;
  slot: number;
  included: Included[];
  /** The values that it changed, from before it. */
  before: Change[];
}

/** The blocks of the chain, which transaction is where, and how to undo what may still be undone. */
export class Ledger {
  readonly #headers = new Headers();
  /** Of the blocks that have transactions. */
  readonly #bodies = new Map<number, { included: Included[]; root: Uint8Array }>();
  readonly #heights = new Map<string, number>();
  readonly #undo = new Map<number, Change[]>();
  readonly #solid = new SolidTracker();
  #oldestUndo = 1;

  /** @param chainId the last four bytes of the first block's id, as on Tron */
  constructor(time: number, chainId: number) {
    const parts = { number: 0, time, slot: 0, parentId: new Uint8Array(32), root: new Uint8Array(32) };
    const id = Buffer.from(blockId(parts));
    id.writeUInt32BE(chainId, 28);
    this.#headers.push({ id, time, slot: 0, solid: 0 });
  }

  get head(): number {
    return this.#headers.length - 1;
  }

  header(height: number): Header {
    return this.#headers.at(height);
  }

  included(height: number): readonly Included[] {
    return this.#bodies.get(height)?.included ?? [];
  }

  /** The heights of the blocks that have transactions, ascending. */
  busyHeights(): Iterable<number> {
    return this.#bodies.keys();
  }

  /** Where a transaction is; undefined if in no block. */
  heightOf(transactionId: string): number | undefined {
    return this.#heights.get(transactionId);
  }

  append({ time, slot, included, before }: NewBlock) {
    const number = this.head + 1;
    const parent = this.header(this.head);
    const root = merkleRoot(included);
    const id = blockId({ number, time, slot, parentId: parent.id, root });
    const solid = this.#solid.add(number, slot, parent.solid);
    this.#headers.push({ id, time, slot, solid });
    if (included.length > 0) this.#bodies.set(number, { included, root });
    for (const { transaction } of included) this.#heights.set(transaction.id, number);
    if (before.length > 0) this.#undo.set(number, before);
    for (; this.#oldestUndo <= solid - READABLE; this.#oldestUndo++) this.#undo.delete(this.#oldestUndo);
  }

  /** The changes that lead from the head back to `height`, newest first. @throws {RangeError} if it is too long ago */
  undoTo(height: number): Change[][] {
    if (height < this.#oldestUndo - 1)
      throw new RangeError(`The state at block ${height} is not kept any more`);
    const changes: Change[][] = [];
    for (let number = this.head; number > height; number--) changes.push(this.#undo.get(number) ?? []);
    return changes;
  }

  /** Forgets the blocks above `height`. */
  rewind(height: number) {
    for (let number = this.head; number > height; number--) {
      for (const { transaction } of this.included(number)) this.#heights.delete(transaction.id);
      this.#bodies.delete(number);
      this.#undo.delete(number);
    }
    this.#headers.truncate(height + 1);
    this.#solid.reset(height, (number) => this.header(number).slot);
  }

  /** A block as a node shows it. */
  blockJson(height: number, withTransactions = true): JsonObject {
    const { id, time, slot } = this.header(height);
    const { included = [], root = merkleRoot([]) } = this.#bodies.get(height) ?? {};
    const parentId = height === 0 ? new Uint8Array(32) : this.header(height - 1).id;
    const parts: BlockParts = { number: height, time, slot, parentId, root };
    return blockToJson(parts, id, withTransactions ? included : undefined);
  }

  idHex(height: number): string {
    return toHex(this.header(height).id);
  }
}

import { setImmediate } from "node:timers/promises";
import type { Address } from "../protocol/address.ts";
import type { Transaction } from "../protocol/transaction.ts";
import { credit } from "../vm/accounts.ts";
import { TronEvm } from "../vm/evm.ts";
import { State } from "../vm/state.ts";
import { admit, admitSigned, type Sight } from "./admission.ts";
import type { Included } from "./block.ts";
import type { ChainFile, Genesis } from "./chainFile.ts";
import { BroadcastError, ControlError, MAX_COUNT, requireWhole } from "./errors.ts";
import { execute } from "./execute.ts";
import { Ledger } from "./ledger.ts";
import { Line } from "./line.ts";
import { witnessAddress } from "./witnesses.ts";

const MAX_TRANSACTIONS = 2000;
/** Slots of three seconds in a year. */
const MAX_MISSED = 10_512_000;

/** How the blocks of a reorg differ from those that they replace. */
export interface Reorg {
  /** How many blocks are replaced. */
  depth: number;
  /** Ids of transactions that are lost. */
  drop?: string[];
  /**
   * Transactions that are found elsewhere afterwards: by how many blocks later, or earlier if negative. What lands
   * above the new head waits there until that height is made.
   */
  move?: Record<string, number>;
  /** By how many blocks the new branch is longer, which is why nodes follow it. 1 if not told. */
  longer?: number;
}

export interface Refused {
  id: string;
  code: string;
  message: string;
}

/** The chain: takes transactions, makes blocks, undoes them. */
export class Chain {
  readonly state = new State();
  readonly ledger: Ledger;
  readonly evm: TronEvm;
  readonly genesis: Genesis;
  readonly pending = new Map<string, Transaction>();
  /** Called after a transaction was taken in. */
  onBroadcast?: () => Promise<void>;
  /** What a reorg put above the head, by height. */
  readonly #waiting = new Map<number, Transaction[]>();
  readonly #line = new Line();
  readonly #file: ChainFile | undefined;

  constructor(genesis: Genesis, file?: ChainFile) {
    this.genesis = genesis;
    this.#file = file;
    this.ledger = new Ledger(genesis.time, genesis.chainId);
    this.evm = new TronEvm(this.state, genesis.chainId, (height) => this.ledger.header(height).id);
    for (const [address, sun] of genesis.accounts) credit(this.state, address, BigInt(sun), genesis.time);
    this.state.takeChanges();
    for (const record of file?.records ?? []) {
      if ("rewind" in record) this.#forget(record.rewind);
      else {
        this.state.apply(record.changes);
        this.ledger.append({ ...record, before: this.state.takeChanges().before });
      }
    }
  }

  /**
   * Takes a transaction in, to be part of the next block.
   * @param head the height of the node that is asked, which may lag
   * @throws {BroadcastError}
   */
  async broadcast(transaction: Transaction, head = this.ledger.head): Promise<void> {
    await this.#line.run(async () => {
      if (this.pending.size >= MAX_TRANSACTIONS) throw new BroadcastError("SERVER_BUSY", "Server busy.");
      admit(transaction, this.#sight(head));
      this.pending.set(transaction.id, transaction);
    });
    await this.onBroadcast?.();
  }

  /**
   * Makes a block of the pending transactions.
   * @param missed slots of time that pass without a block before it
   * @returns the transactions that turned out not to be valid any more; they are forgotten
   * @throws {ControlError}
   */
  mine(missed = 0): Promise<Refused[]> {
    return this.#line.run(async () => {
      requireWhole("missed", missed, 0, MAX_MISSED);
      const height = this.ledger.head + 1;
      const due = this.#waiting.get(height) ?? [];
      const refused = await this.#produce([...due, ...this.pending.values()], missed);
      // Not before: a block that cannot be written takes nothing away.
      this.#waiting.delete(height);
      this.pending.clear();
      return refused;
    });
  }

  /** {@link mine} for many blocks, with questions answered in between. */
  async mineBlocks(blocks: number, missed = 0): Promise<Refused[]> {
    requireWhole("blocks", blocks, 0);
    const refused: Refused[] = [];
    for (let made = 0; made < blocks; made++) {
      refused.push(...(await this.mine(made === 0 ? missed : 0)));
      if (made % 100 === 99) await setImmediate();
    }
    return refused;
  }

  /**
   * Replaces the newest blocks by a longer branch.
   * @returns the transactions that are not valid on the new branch, such as those that refer to a replaced block
   * @throws {ControlError} when a solid block would be replaced, or a transaction is named that is in none of them
   */
  reorg({ depth, drop = [], move = {}, longer = 1 }: Reorg): Promise<Refused[]> {
    return this.#line.run(async () => {
      const { head } = this.ledger;
      const first = head - depth + 1;
      const { solid } = this.ledger.header(head);
      requireWhole("depth", depth, 1);
      requireWhole("longer", longer, 1);
      if (first <= solid) throw new ControlError(`Only blocks ${solid + 1} to ${head} can be replaced`);
      for (const [id, blocks] of Object.entries(move)) requireWhole(`move of ${id}`, blocks, -MAX_COUNT);
      for (const id of [...drop, ...Object.keys(move)]) {
        if ((this.ledger.heightOf(id) ?? 0) >= first) continue;
        throw new ControlError(`Transaction ${id} is in none of the blocks ${first} to ${head}`);
      }
      const plan = new Map<number, Transaction[]>();
      for (let height = first; height <= head; height++) {
        for (const { transaction } of this.ledger.included(height)) {
          if (drop.includes(transaction.id)) continue;
          const target = Math.max(first, height + (move[transaction.id] ?? 0));
          plan.set(target, [...(plan.get(target) ?? []), transaction]);
        }
      }
      this.#file?.write({ rewind: first - 1 });
      this.#forget(first - 1);
      const refused: Refused[] = [];
      for (let height = first; height <= head + longer; height++) {
        // Another witness begins the branch, so that none of its blocks has the id of one that is replaced.
        refused.push(...(await this.#produce(plan.get(height) ?? [], height === first ? 1 : 0)));
        plan.delete(height);
      }
      for (const [height, transactions] of plan) this.#waiting.set(height, transactions);
      return refused;
    });
  }

  /** Runs something on the state as it was at a height; what it changes is undone. @throws {RangeError} too long ago */
  at<T>(height: number, work: (state: State) => Promise<T> | T): Promise<T> {
    return this.#line.run(async () => {
      const undo = this.ledger.undoTo(height);
      this.state.checkpoint();
      try {
        for (const changes of undo) this.state.apply(changes);
        return await work(this.state);
      } finally {
        this.state.revert();
      }
    });
  }

  /** Waits for what is under way. */
  idle(): Promise<void> {
    return this.#line.run(async () => {});
  }

  /** Whether a transaction is in a block or will be. */
  isKnown(id: string): boolean {
    if (this.pending.has(id) || this.ledger.heightOf(id) !== undefined) return true;
    return [...this.#waiting.values()].some((transactions) => transactions.some((one) => one.id === id));
  }

  #sight(head = this.ledger.head): Sight {
    return {
      state: this.state,
      head,
      headTime: this.ledger.header(head).time,
      blockId: (height) => this.ledger.idHex(height),
      isKnown: (id) => this.isKnown(id),
    };
  }

  async #produce(transactions: Transaction[], missed: number): Promise<Refused[]> {
    const parent = this.ledger.header(this.ledger.head);
    const { slotMs } = this.genesis;
    const now = Math.floor(Date.now() / slotMs) * slotMs;
    const slot = parent.slot + 1 + missed;
    const time = Math.max(parent.time + slotMs * (1 + missed), now);
    const block = { number: this.ledger.head + 1, time, witness: witnessAddress(slot) as Address };
    const included: Included[] = [];
    const refused: Refused[] = [];
    this.state.checkpoint();
    try {
      for (const transaction of transactions) {
        this.state.checkpoint();
        try {
          const bandwidth = admitSigned(transaction, this.#sight());
          const receipt = await execute(this.state, this.evm, transaction, bandwidth, block);
          this.state.commit();
          included.push({ transaction, ...receipt });
        } catch (error) {
          this.state.revert();
          if (!(error instanceof BroadcastError)) throw error;
          refused.push({ id: transaction.id, code: error.code, message: error.message });
        }
      }
    } catch (error) {
      this.state.revert();
      throw error;
    }
    this.state.commit();
    const { before, after } = this.state.takeChanges();
    try {
      // On disk before anybody can see it.
      this.#file?.write({ time, slot, included, changes: after });
    } catch (error) {
      this.state.apply(before);
      this.state.takeChanges();
      throw error;
    }
    this.ledger.append({ time, slot, included, before });
    return refused;
  }

  #forget(height: number) {
    for (const changes of this.ledger.undoTo(height)) this.state.apply(changes);
    this.state.takeChanges();
    this.ledger.rewind(height);
  }
}

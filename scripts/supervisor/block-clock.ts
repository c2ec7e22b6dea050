import { setTimeout as sleep } from "node:timers/promises";
import { rpc } from "./rpc.ts";

/** While there is something going on, a block a second. */
const BLOCK_MS = 1_000;
/** How long after the last transaction (or the start) that stays so. */
const ACTIVE_MS = 5 * 60_000;
/** Then, until the next transaction, a block a minute. */
const IDLE_BLOCK_MS = 60_000;
/** At least this often what is new is saved; a block with transactions is saved at once. */
const SAVE_MS = 3_000;

export interface BlockClockOptions {
  rpcUrl: string;
  /** Takes what `anvil_dumpState` gives. */
  save: (dump: `0x${string}`) => Promise<void>;
  /** Told once, when mining or saving no longer works. */
  onFailure: (error: unknown) => void;
}

/**
 * Mines the local chain's blocks and saves its state.
 *
 * Anvil's own interval mining would go on all night: it keeps every block, so 40,000 empty ones cost some 100 MB of
 * memory and make each saved state 6 MB and a pause of 0.7 s. No flag of its own forgets empty blocks
 * (`--transaction-block-keeper` drops receipts instead, which the mirror needs when it indexes again). So an idle chain
 * slows down, and the first transaction wakes it: confirmations always come a second apart.
 */
export class BlockClock {
  #options: BlockClockOptions;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #period = BLOCK_MS;
  #unsaved = true;

  constructor(options: BlockClockOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run().catch((error) => {
      if (!this.#stop.signal.aborted) this.#options.onFailure(error);
    });
  }

  /** Mines faster while `work` runs, so that a deployment does not wait for the clock. */
  async hurry<T>(work: () => Promise<T>): Promise<T> {
    this.#period = 100;
    try {
      return await work();
    } finally {
      this.#period = BLOCK_MS;
    }
  }

  /** Stops mining and saves what is new. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    if (this.#unsaved) await this.#save();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let activeAt = Date.now();
    let minedAt = 0;
    let savedAt = Date.now();
    let next = Date.now();
    while (!signal.aborted) {
      const waiting = await this.#waitingTransactions();
      const now = Date.now();
      if (waiting > 0) activeAt = now;
      if (now - activeAt < ACTIVE_MS || now - minedAt >= IDLE_BLOCK_MS) {
        await rpc(this.#options.rpcUrl, "evm_mine");
        minedAt = now;
        this.#unsaved = true;
      }
      if (this.#unsaved && (waiting > 0 || Date.now() - savedAt >= SAVE_MS)) {
        await this.#save();
        savedAt = Date.now();
      }
      // The beat is kept by the clock, not by how long a round took; rounds that were missed are not made up for.
      next = Math.max(next + this.#period, Date.now());
      await sleep(next - Date.now(), undefined, { signal }).catch(() => {});
    }
  }

  async #waitingTransactions(): Promise<number> {
    const { pending } = await rpc<{ pending: string }>(this.#options.rpcUrl, "txpool_status");
    return Number(pending);
  }

  async #save(): Promise<void> {
    await this.#options.save(await rpc<`0x${string}`>(this.#options.rpcUrl, "anvil_dumpState"));
    this.#unsaved = false;
  }
}

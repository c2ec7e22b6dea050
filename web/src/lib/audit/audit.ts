import {
  type Audit,
  auditMonth,
  type ChainRecord,
  type Month,
  monthIndex,
  type ReadOptions,
  readChainRecord,
  readEarlier,
} from "@aiforge/contracts";
import type { Address, PublicClient } from "viem";

/** The published inputs of a month like "2026-11"; null where there are none. */
export type ReadInputs = (month: string) => Promise<Uint8Array | null>;

/** How old a reading of the chain may be to be used for another month, in milliseconds. */
const FRESH = 60_000;

/**
 * The audit of months in the browser. What the chain says is read from its node; the platform is asked for published
 * inputs only, and they are held to the chain.
 */
export class Auditor {
  readonly #client: PublicClient;
  readonly #aiforge: Address;
  readonly #readInputs: ReadInputs;
  #record: { record: ChainRecord; at: number } | null = null;

  constructor(client: PublicClient, aiforge: Address, readInputs: ReadInputs) {
    this.#client = client;
    this.#aiforge = aiforge;
    this.#readInputs = readInputs;
  }

  /**
   * Reads all that a month's audit needs.
   * @param bytes its inputs as they were published
   * @returns the audit of it, which answers at once for any bytes in their place
   * @throws {ChainRefusedError} when the node does not give it
   */
  async open(month: string, bytes: Uint8Array, options: ReadOptions): Promise<(bytes: Uint8Array) => Audit> {
    const record = await this.#read(options);
    const earlier: Month[] = await readEarlier(bytes, record, this.#readInputs);
    return (any) => auditMonth(any, record, { month: monthIndex(month), earlier });
  }

  async #read(options: ReadOptions): Promise<ChainRecord> {
    if (this.#record && Date.now() - this.#record.at < FRESH) return this.#record.record;
    const record = await readChainRecord(this.#client, { aiforge: this.#aiforge }, options);
    this.#record = { record, at: Date.now() };
    return record;
  }
}

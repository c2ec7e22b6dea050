import type { Hex } from "viem";
import { MirrorFailure } from "../src/failure.ts";
import { type Asked, NodeFailure, type TronNode } from "./node.ts";
import {
  parseBlock,
  parseBlockAt,
  parseBlocks,
  parseInfoOf,
  parseInfos,
  type TronBlock,
  type TronInfo,
} from "./wire.ts";

/** A block with what became of each of its transactions. */
export interface FullBlock extends TronBlock {
  infos: TronInfo[];
}

const PATHS = { full: "wallet", solidity: "walletsolidity" } as const;

/** The questions that the watcher has, over {@link TronNode}. Not asked of the event servers. */
export class TronChain {
  readonly #node: TronNode;
  readonly #signal: AbortSignal;

  constructor(node: TronNode, signal: AbortSignal) {
    this.#node = node;
    this.#signal = signal;
  }

  /** The newest block; that of the solidity node is final. */
  async head(api: keyof typeof PATHS, tries?: number): Promise<TronBlock> {
    const { value } = await this.#node.ask(api, {
      path: `${PATHS[api]}/getnowblock`,
      read: parseBlock,
      signal: this.#signal,
      ...(tries && { tries }),
    });
    return value;
  }

  /** A block without what became of its transactions. */
  block(api: keyof typeof PATHS, number: number, tries?: number): Promise<Asked<TronBlock>> {
    return this.#node.ask(api, {
      path: `${PATHS[api]}/getblockbynum`,
      body: { num: number },
      read: parseBlockAt(number),
      signal: this.#signal,
      ...(tries && { tries }),
    });
  }

  /**
   * A block with its infos, which must be as many as its transactions (R15).
   * @param told the block where it is known already, by {@link blocksFrom}
   */
  async fullBlock(
    api: keyof typeof PATHS,
    number: number,
    tries: number,
    told?: Asked<TronBlock>,
  ): Promise<FullBlock & Pick<Asked<unknown>, "distrust">> {
    const { value: block, distrust } = told ?? (await this.block(api, number, tries));
    try {
      return { ...block, infos: await this.infos(api, block, tries), distrust };
    } catch (error) {
      // Either nobody answers, or it was the block that was wrong.
      if (error instanceof NodeFailure) distrust();
      throw error;
    }
  }

  /** What became of each transaction of a block, in its order. */
  async infos(api: keyof typeof PATHS, block: TronBlock, tries: number): Promise<TronInfo[]> {
    // A block without transactions says so itself: there is nothing to ask.
    if (block.transactions.length === 0) return [];
    const { value } = await this.#node.ask(api, {
      path: `${PATHS[api]}/gettransactioninfobyblocknum`,
      body: { num: block.number },
      read: (json) => parseInfos(json, block),
      signal: this.#signal,
      tries,
    });
    return value;
  }

  /** The blocks from one on, as many as there are up to `count`; none when the node does not have the first. */
  blocksFrom(
    api: keyof typeof PATHS,
    number: number,
    count: number,
    tries: number,
  ): Promise<Asked<TronBlock[]>> {
    return this.#node.ask(api, {
      path: `${PATHS[api]}/getblockbylimitnext`,
      body: { startNum: number, endNum: number + count },
      read: parseBlocks(number, count),
      signal: this.#signal,
      tries,
    });
  }

  /** What became of one transaction, or null when the node does not know it. */
  async info(api: keyof typeof PATHS, id: Hex, tries?: number): Promise<TronInfo | null> {
    return (await this.#info(api, id, tries)).value;
  }

  #info(api: keyof typeof PATHS, id: Hex, tries?: number): Promise<Asked<TronInfo | null>> {
    return this.#node.ask(api, {
      path: `${PATHS[api]}/gettransactioninfobyid`,
      body: { value: id.slice(2) },
      read: parseInfoOf(id),
      signal: this.#signal,
      ...(tries && { tries }),
    });
  }

  /**
   * Number of the solidified block that a transaction is in, or null when none of `tries` answers knows it, of several
   * nodes where there are: one that lags knows it not yet (R15).
   */
  async solidBlockOf(id: Hex, tries: number): Promise<number | null> {
    for (let asked = 0; asked < tries; asked++) {
      const { value, distrust } = await this.#info("solidity", id, tries);
      if (value) return value.blockNumber;
      distrust();
    }
    return null;
  }

  /**
   * CAIP-2 id of the chain, `tron:` and the last four bytes of the first block's id, as CHAINID says inside the VM:
   * `tron:0x2b6653dc` is the main net.
   * @throws MirrorFailure when the two kinds of nodes are of two chains
   */
  async caip2(): Promise<`tron:0x${string}`> {
    const [{ value }, solid] = [await this.block("full", 0), await this.block("solidity", 0)];
    if (value.id !== solid.value.id) {
      throw new MirrorFailure("TRON_URL and TRON_SOLIDITY_URL lead to two different chains.");
    }
    return `tron:0x${value.id.slice(-8)}`;
  }
}

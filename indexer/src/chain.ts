import { setTimeout as sleep } from "node:timers/promises";
import { BlockNotFoundError, createPublicClient, http, type PublicClient } from "viem";
import type { ChainConfig } from "./config.ts";
import { MirrorFailure } from "./failure.ts";

/** Hash and time of a block. */
export interface BlockHead {
  number: bigint;
  hash: string;
  timestamp: bigint;
}

/** A client for one chain. Requests are not retried: every caller here asks again by itself. */
export function chainClient(chain: ChainConfig): PublicClient {
  return createPublicClient({ transport: http(chain.rpcUrl, { retryCount: 0, timeout: 10_000 }) });
}

/** Where a chain is, without what an RPC provider puts secrets into. */
export const endpointOf = (chain: ChainConfig): string => new URL(chain.rpcUrl).origin;

/** A block by number, the newest without one; null when the chain does not have it. */
export async function getHead(client: PublicClient, number?: bigint): Promise<BlockHead | null> {
  try {
    const block = await client.getBlock(number === undefined ? {} : { blockNumber: number });
    return block.number === null || block.hash === null
      ? null
      : { number: block.number, hash: block.hash, timestamp: block.timestamp };
  } catch (error) {
    if (error instanceof BlockNotFoundError) return null;
    throw error;
  }
}

/**
 * Waits until a chain answers, is the one it should be, and has the contract.
 * @param waitMs how long to wait before giving up
 * @throws MirrorFailure
 */
export async function waitForChain(chain: ChainConfig, signal: AbortSignal, waitMs = 60_000): Promise<void> {
  const client = chainClient(chain);
  const deadline = Date.now() + waitMs;
  for (;;) {
    let problem = `Chain ${chain.caip2} does not answer at ${endpointOf(chain)}; check RPC_URL_${chain.id}.`;
    try {
      const id = await client.getChainId();
      if (id !== chain.id) {
        throw new MirrorFailure(`RPC_URL_${chain.id} leads to chain ${id}, not to chain ${chain.id}.`);
      }
      problem = `There is no contract at ${chain.aiforge} on ${chain.caip2}; check AIFORGE_ADDRESS_${chain.id}.`;
      if (await client.getCode({ address: chain.aiforge })) return;
    } catch (error) {
      if (error instanceof MirrorFailure) throw error;
    }
    if (Date.now() > deadline) throw new MirrorFailure(problem);
    await sleep(250, undefined, { signal });
  }
}

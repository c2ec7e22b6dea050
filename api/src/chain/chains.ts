import { deployments } from "@aiforge/contracts";
import { tronTransport } from "@aiforge/contracts/tron";
import { createPublicClient, fallback, http, type PublicClient, type Transport } from "viem";
import type { Config } from "../config.ts";
import { AppError } from "../core/errors.ts";
import type { ChainConfig } from "./config.ts";
import { evmSender } from "./sender/evm.ts";
import type { Sender } from "./sender/sender.ts";
import { tronSender } from "./sender/tron.ts";

export interface Chain extends ChainConfig {
  aiforge: `0x${string}`;
  usdt: `0x${string}`;
  client: PublicClient;
  /** How long an answer of the api's waits for the node, in milliseconds. */
  readMs: number;
  /** Height of the newest block, at most `maxAge` milliseconds old. */
  head: (maxAge?: number) => Promise<bigint>;
  /** How the platform's own wallets send here. */
  sender: Sender;
}

export interface Chains {
  all: Chain[];
  /** @throws AppError `unknown_chain` (400) */
  get: (chain: string) => Chain;
}

/** Opens one client per configured chain: a Tron node is asked through the same client as an RPC node. */
export function openChains(config: Config): Chains {
  const all = config.chains.map((chain) => openChain(chain, config.CHAIN_READ_MS));
  return {
    all,
    get: (id) => {
      const found = all.find((chain) => chain.chain === id);
      if (!found) {
        throw new AppError("unknown_chain", 400, `Chain ${id} is not served here.`, {
          hint: `Use one of ${all.map(({ chain }) => chain).join(", ")}.`,
        });
      }
      return found;
    },
  };
}

function openChain(config: ChainConfig, readMs: number): Chain {
  const deployed = config.namespace === "eip155" ? deployments[config.chainId] : undefined;
  const aiforge = config.aiforge ?? deployed?.aiforge;
  const usdt = config.usdt ?? deployed?.usdt;
  if (!aiforge || !usdt) {
    throw new Error(`AIFORGE_ADDRESS_${config.chainId} and USDT_ADDRESS_${config.chainId} are missing`);
  }
  const client = createPublicClient({ transport: transportOf(config, readMs), pollingInterval: 500 });
  let cached: { height: bigint; at: number } | undefined;
  let pending: Promise<bigint> | undefined;
  const head = async (maxAge = 500) => {
    if (cached && Date.now() - cached.at <= maxAge) return cached.height;
    pending ??= client
      .getBlockNumber({ cacheTime: 0 })
      .then((height) => {
        cached = { height, at: Date.now() };
        return height;
      })
      .finally(() => {
        pending = undefined;
      });
    return pending;
  };
  const sender =
    config.namespace === "tron" ? tronSender({ client }) : evmSender({ ...config, client, head });
  return { ...config, aiforge, usdt, client, readMs, head, sender };
}

const TIMEOUT_MS = 10_000;

function transportOf({ namespace, rpcUrls, solidityUrl, headers }: ChainConfig, readMs: number): Transport {
  // Of several nodes the next one is asked while somebody still waits for the answer.
  const alone = rpcUrls.length === 1;
  const timeout = alone ? TIMEOUT_MS : Math.ceil(readMs / rpcUrls.length);
  const retryCount = alone ? 1 : 0;
  const transports = rpcUrls.map((url) =>
    namespace === "tron"
      ? tronTransport(url, { headers, solidityUrl, timeoutMs: timeout, retryCount })
      : http(url, { retryCount, timeout }),
  );
  const [only] = transports;
  return transports.length === 1 && only ? only : fallback(transports, { retryCount: 0 });
}

/**
 * Confirmations of what is in block `blockNumber`, counting that block itself.
 * @returns 0 when the head is behind it
 */
export function confirmationsAt(head: bigint, blockNumber: bigint): number {
  return head < blockNumber ? 0 : Number(head - blockNumber) + 1;
}

import { deployments } from "@aiforge/contracts";
import { tronTransport } from "@aiforge/contracts/tron";
import { createPublicClient, fallback, hexToBigInt, http, type PublicClient, type Transport } from "viem";
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
  /** The same for work that nobody waits for: of several nodes each is given the time that it needs. */
  patient: PublicClient;
  /** How long an answer of the api's waits for the node, in milliseconds. */
  readMs: number;
  /** About how long a block takes, in milliseconds: what is read from the chain is asked for again after that. */
  paceMs: number;
  /** Height of the newest block, at most `maxAge` milliseconds old, `paceMs` if not said otherwise. */
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
  const alone = config.rpcUrls.length === 1;
  // Of several nodes the next one is asked while somebody still waits for the answer.
  const client = openClient(config, alone ? ALONE_MS : Math.ceil(readMs / config.rpcUrls.length));
  const patient = alone ? client : openClient(config, Math.max(WORK_MS, readMs));
  const paceMs = config.namespace === "tron" ? 3_000 : 1_000;
  const head = newestHeight(client, { readMs, paceMs });
  const sender =
    config.namespace === "tron"
      ? tronSender({ client: patient })
      : evmSender({ ...config, client: patient, head });
  return { ...config, aiforge, usdt, client, patient, readMs, paceMs, head, sender };
}

function openClient(config: ChainConfig, nodeMs: number): PublicClient {
  return createPublicClient({
    transport: transportOf(config, nodeMs),
    pollingInterval: 500,
    // Contracts that anybody made are called too; none of them names an address that is then asked from here.
    ccipRead: false,
  });
}

/** Asks for the newest block once for all who ask at a time; a question that hangs is not waited for by who comes later. */
function newestHeight(
  client: PublicClient,
  { readMs, paceMs }: Pick<Chain, "readMs" | "paceMs">,
): Chain["head"] {
  let cached: { height: bigint; at: number } | undefined;
  let pending: { height: Promise<bigint>; at: number } | undefined;
  return async (maxAge = paceMs) => {
    const now = performance.now();
    if (cached && now - cached.at <= maxAge) return cached.height;
    if (!pending || now - pending.at > readMs) {
      // Not `getBlockNumber`, which waits for the question before.
      const height = client.request({ method: "eth_blockNumber" }).then(hexToBigInt);
      const asked = { at: now, height };
      pending = asked;
      asked.height = height
        .then((newest) => {
          if (pending === asked) cached = { height: newest, at: performance.now() };
          return newest;
        })
        .finally(() => {
          if (pending === asked) pending = undefined;
        });
    }
    return pending.height;
  };
}

/** How long a question to the only node may take, in milliseconds. */
const ALONE_MS = 10_000;
/**
 * How long work waits for each of several nodes, in milliseconds: a node may be slow, and a transaction on Tron, which has
 * a minute, is still made and sent past one that hangs.
 */
const WORK_MS = 4_000;

function transportOf({ namespace, rpcUrls, solidityUrl, headers }: ChainConfig, timeout: number): Transport {
  const retryCount = rpcUrls.length === 1 ? 1 : 0;
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

import { tronAddress } from "@aiforge/contracts";
import type { Hex } from "viem";
import { ConfigError } from "../src/config.ts";

/** What of a Tron chain is mirrored: when any of it changes, the chain is scanned again from the start block. */
export interface TronSources {
  /** Address of the AIForge contract, as all addresses here: `0x` and 20 bytes in lower case. */
  aiforge: Hex;
  /** USDT on this chain; known wherever there is a cashier. */
  usdt: Hex | null;
  /** The platform's wallet for plain transfers: USDT sent to it is mirrored. Null where there is none. */
  cashier: Hex | null;
  /** First block with an event of the contract. */
  startBlock: number;
}

/** What the Tron watcher runs on. */
export interface TronConfig extends TronSources {
  databaseUrl: string;
  /** Base addresses of nodes that answer `wallet/…`, the best first. */
  fullNodes: string[];
  /** Those that answer `walletsolidity/…`. */
  solidityNodes: string[];
  /** Those that answer `v1/…`; they are asked only to reconcile. */
  eventServers: string[];
  apiKey: string | null;
  /** Most requests a second, over all nodes; Infinity on this machine. */
  requestsPerSecond: number;
  /** Milliseconds that a node has for a whole answer, before another one is asked. */
  answerMs: number;
  /** Milliseconds between two looks at the heads. */
  pollingMs: number;
  /** How many blocks are fetched at the same time while catching up. */
  inFlight: number;
  /** Milliseconds between two reconciliations; 0 for none. */
  reconcileMs: number;
  /** Milliseconds without progress, though there are blocks, after which the cursor counts as stuck. */
  stuckMs: number;
  /** Port on 127.0.0.1 for /health, /ready and /metrics. */
  port: number;
  /** A chain on this machine, which can be thrown away at any time. */
  local: boolean;
}

type Env = Record<string, string | undefined>;

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

function addresses(env: Env, name: string, fallback: string[]): string[] {
  const text = env[name];
  if (!text) return fallback;
  return text.split(",").map((part) => {
    const url = URL.canParse(part.trim()) ? new URL(part.trim()) : null;
    if (url?.protocol !== "http:" && url?.protocol !== "https:") {
      throw new ConfigError(`${name} must be addresses of nodes, with commas between; "${part}" is none.`);
    }
    return url.href.replace(/\/+$/, "");
  });
}

function wallet(env: Env, name: string): Hex | null {
  const text = env[name];
  if (!text) return null;
  try {
    return tronAddress(text);
  } catch {
    throw new ConfigError(`${name} must be a Tron address (T…); it is "${text}".`);
  }
}

function number(env: Env, name: string, fallback: number, least = 0): number {
  const text = env[name];
  if (!text) return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new ConfigError(`${name} must be a whole number, ${least} or more; it is "${text}".`);
  }
  return value;
}

/**
 * Refuses to begin at a public chain's first block: its nodes have no infos of the transactions in it, so that it could
 * never be taken, and millions of blocks from it on hold nothing of ours.
 * @throws ConfigError
 */
export function requireStart(startBlock: number): void {
  if (startBlock > 0) return;
  throw new ConfigError(
    "TRON_START_BLOCK is not set, or 0; on a public Tron chain set it to the block that the contract was deployed in (Tronscan shows it).",
  );
}

/**
 * Reads the watcher's settings.
 * @returns null where no TRON_URL is set: then no Tron is mirrored
 * @throws ConfigError when one is missing or unusable
 */
export function readTronConfig(env: Env = process.env): TronConfig | null {
  const fullNodes = addresses(env, "TRON_URL", []);
  if (fullNodes.length === 0) return null;
  const databaseUrl = env.DATABASE_URL;
  if (!databaseUrl) throw new ConfigError("DATABASE_URL is not set; give the Postgres to mirror into.");
  const aiforge = wallet(env, "TRON_AIFORGE_ADDRESS");
  if (!aiforge) throw new ConfigError("TRON_URL is set but not the contract; set TRON_AIFORGE_ADDRESS.");
  const cashier = wallet(env, "TRON_CASHIER_ADDRESS");
  const usdt = wallet(env, "TRON_USDT_ADDRESS");
  if (cashier && !usdt) {
    throw new ConfigError("TRON_CASHIER_ADDRESS is set but no USDT is known; set TRON_USDT_ADDRESS.");
  }
  const local = fullNodes.every((node) => LOOPBACK.has(new URL(node).hostname));
  const startBlock = number(env, "TRON_START_BLOCK", 0);
  if (!local) requireStart(startBlock);
  const perSecond = number(env, "TRON_REQUESTS_PER_SECOND", local ? 0 : 10);
  return {
    databaseUrl,
    fullNodes,
    solidityNodes: addresses(env, "TRON_SOLIDITY_URL", fullNodes),
    eventServers: addresses(env, "TRON_EVENT_URL", fullNodes),
    apiKey: env.TRON_PRO_API_KEY || null,
    requestsPerSecond: perSecond || Number.POSITIVE_INFINITY,
    aiforge,
    usdt,
    cashier,
    startBlock,
    answerMs: number(env, "TRON_ANSWER_MS", 15_000, 1),
    pollingMs: number(env, "TRON_POLLING_MS", local ? 500 : 6_000),
    inFlight: Math.max(1, number(env, "TRON_IN_FLIGHT", 8)),
    reconcileMs: number(env, "TRON_RECONCILE_MS", 600_000),
    stuckMs: number(env, "TRON_STUCK_MS", 120_000),
    port: number(env, "TRON_WATCHER_PORT", 14070),
    local,
  };
}

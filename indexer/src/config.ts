import { deployments } from "@aiforge/contracts";
import { getAddress, isAddress } from "viem";

/** One EVM chain to mirror. */
export interface ChainConfig {
  /** EIP-155 chain id. */
  id: number;
  /** CAIP-2 id, which is also Ponder's name for the chain. */
  caip2: `eip155:${number}`;
  rpcUrl: string;
  /** Address of the AIForge contract. */
  aiforge: `0x${string}`;
  /** The platform's wallet for plain transfers: USDT sent to it is mirrored. Null where there is none. */
  cashier: `0x${string}` | null;
  /** USDT on this chain; known wherever there is a cashier. */
  usdt: `0x${string}` | null;
  /** First block with an event of the contract. */
  startBlock: number;
  /** Milliseconds between two looks at the chain's head. */
  pollingInterval: number;
  /** A development chain: it can be thrown away at any time, so nothing fetched from it is kept. */
  local: boolean;
}

/** What the mirror runs on; all of it comes from the environment. */
export interface MirrorConfig {
  databaseUrl: string;
  /** Port on 127.0.0.1 for /health, /ready, /status and /metrics. */
  port: number;
  chains: ChainConfig[];
}

/** A setting that cannot be used; the message names the variable and says what to put there. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

const LOCAL_CHAINS = new Set([1337, 31337]);

type Env = Record<string, string | undefined>;

function integer(env: Env, name: string, fallback: number): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ConfigError(`${name} must be a whole number, 0 or more; it is "${text}".`);
  }
  return value;
}

function addressIn(env: Env, name: string, what: string, fallback?: string): `0x${string}` | null {
  const text = env[name] || fallback;
  if (!text) return null;
  if (!isAddress(text)) throw new ConfigError(`${name} must be ${what}; it is "${text}".`);
  return getAddress(text);
}

/**
 * The chains named by `RPC_URL_<chain id>` variables; the local chain at http://127.0.0.1:8545 when there is
 * none. `AIFORGE_ADDRESS_<chain id>` and `AIFORGE_START_BLOCK_<chain id>` override the known deployments, `USDT_ADDRESS_<chain id>` the known USDT;
 * `AIFORGE_CASHIER_ADDRESS_<chain id>` names the wallet whose incoming USDT is mirrored, by default none.
 * @throws ConfigError
 */
export function readChains(env: Env = process.env): ChainConfig[] {
  const ids = Object.keys(env)
    .map((name) => /^RPC_URL_(\d+)$/.exec(name)?.[1])
    .filter((id): id is string => id !== undefined && Boolean(env[`RPC_URL_${id}`]))
    .map(Number)
    .sort((a, b) => a - b);
  return (ids.length > 0 ? ids : [31337]).map((id) => {
    const known: { aiforge: string; usdt: string; startBlock: number | bigint } | undefined = deployments[id];
    const local = LOCAL_CHAINS.has(id);
    const aiforge = addressIn(env, `AIFORGE_ADDRESS_${id}`, "a contract address", known?.aiforge);
    if (!aiforge) {
      throw new ConfigError(
        `RPC_URL_${id} is set but no AIForge is known on chain ${id}; set AIFORGE_ADDRESS_${id}.`,
      );
    }
    const cashier = addressIn(env, `AIFORGE_CASHIER_ADDRESS_${id}`, "an address");
    const usdt = addressIn(env, `USDT_ADDRESS_${id}`, "a contract address", known?.usdt);
    if (cashier && !usdt) {
      throw new ConfigError(
        `AIFORGE_CASHIER_ADDRESS_${id} is set but no USDT is known on chain ${id}; set USDT_ADDRESS_${id}.`,
      );
    }
    return {
      id,
      caip2: `eip155:${id}`,
      rpcUrl: env[`RPC_URL_${id}`] || "http://127.0.0.1:8545",
      aiforge,
      cashier,
      usdt,
      startBlock: integer(env, `AIFORGE_START_BLOCK_${id}`, Number(known?.startBlock ?? 0)),
      pollingInterval: integer(env, "INDEXER_POLLING_MS", local ? 500 : 2_000),
      local,
    };
  });
}

/**
 * Reads the mirror's settings.
 * @throws ConfigError when one is missing or unusable
 */
export function readConfig(env: Env = process.env): MirrorConfig {
  const databaseUrl = env.DATABASE_URL;
  if (!databaseUrl) {
    throw new ConfigError(
      "DATABASE_URL is not set; give the Postgres to mirror into, e.g. postgres://user:password@localhost:5432/aiforge.",
    );
  }
  return { databaseUrl, port: integer(env, "INDEXER_PORT", 14069), chains: readChains(env) };
}

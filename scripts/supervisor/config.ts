import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LOCAL_CHAIN_ID, LOCAL_TRON_ID } from "@aiforge/contracts";
import { Failure } from "./failure.ts";

/** The folder of the clone. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** How CHAIN_IDS names the local Tron. */
export const LOCAL_TRON = `tron:0x${LOCAL_TRON_ID.toString(16)}`;

export interface SupervisorConfig {
  /** Everything that is kept between two starts. */
  dataDir: string;
  /** Forget the state first. */
  reset: boolean;
  host: string;
  publicUrl: string;
  ports: {
    web: number;
    api: number;
    chain: number;
    database: number;
    mirror: number;
    tron: number;
    tronMirror: number;
  };
  /** Set when Postgres is somebody else's: the embedded one is not started. */
  databaseUrl: string | null;
  /** Set when the local chain is somebody else's: anvil is not started. */
  rpcUrl: string | null;
  /** Whether the local development chain is among the chains served. */
  localChain: boolean;
  /** The chains that are served, as CHAIN_IDS names them. */
  chainIds: string[];
  /** Whether a Tron chain is among them: then its watcher is run. */
  tron: boolean;
  /** Whether that is the local Tron, and not somebody else's: then it is run here. */
  localTron: boolean;
  /** Milliseconds between the local Tron's blocks. */
  tronBlockMs: number;
  /** Whether a fresh local chain is filled with a model and demo users. */
  seed: boolean;
  /** Whether a miner is run here. */
  miner: boolean;
}

export const HELP = `npm start [-- --reset]

  --reset     forget everything in the data folder first

  AIFORGE_DATA       data folder (.data)
  PORT               the page (3000)
  API_PORT           the API (3001)
  CHAIN_PORT         the local chain (8545)
  DATABASE_PORT      Postgres (15432)
  MIRROR_PORT        the mirror's health port (14069)
  TRON_PORT          the local Tron (9090)
  TRON_MIRROR_PORT   the health port of Tron's mirror (14070)
  DATABASE_URL       a Postgres of yours instead of the embedded one
  RPC_URL_31337      a development chain of yours instead of the embedded one
  CHAIN_IDS          the chains (31337,tron:0x74646576: the two local ones)
  AIFORGE_TRON=0     run no local Tron
  AIFORGE_SEED=0     start with an empty marketplace
  AIFORGE_MINER=0    run no miner here

README.md lists the rest.`;

/**
 * @throws Failure naming the variable or the option that cannot be used
 * @returns null when help was asked for
 */
export function readConfig(
  argv: string[] = process.argv.slice(2),
  env: NodeJS.ProcessEnv = process.env,
): SupervisorConfig | null {
  const options = parseOptions(argv);
  if (options.help) return null;
  // All below 32768: above that any program's outgoing connection may hold one of them for a while.
  const ports = {
    web: port(env, "PORT", 3000),
    api: port(env, "API_PORT", 3001),
    chain: port(env, "CHAIN_PORT", 8545),
    database: port(env, "DATABASE_PORT", 15432),
    mirror: port(env, "MIRROR_PORT", 14069),
    tron: port(env, "TRON_PORT", 9090),
    tronMirror: port(env, "TRON_MIRROR_PORT", 14070),
  };
  const chainIds = readChainIds(env);
  const localChain = chainIds.includes(String(LOCAL_CHAIN_ID));
  return {
    dataDir: resolve(ROOT, env.AIFORGE_DATA || ".data"),
    reset: options.reset,
    host: env.HOST || "127.0.0.1",
    publicUrl: env.PUBLIC_URL || `http://localhost:${ports.web}`,
    ports,
    databaseUrl: env.DATABASE_URL || null,
    rpcUrl: env[`RPC_URL_${LOCAL_CHAIN_ID}`] || null,
    localChain,
    chainIds,
    tron: chainIds.some(isTron),
    localTron: chainIds.includes(LOCAL_TRON) && !env.TRON_URL,
    tronBlockMs: whole(env, "TRON_BLOCK_MS", 2_000, 100, 60_000),
    seed: localChain && env.AIFORGE_SEED !== "0",
    miner: localChain && env.AIFORGE_MINER !== "0",
  };
}

/**
 * The chains: by default the two local ones.
 * @throws Failure when TRON_URL and the chains do not fit
 */
function readChainIds(env: NodeJS.ProcessEnv): string[] {
  const withoutLocal = env.AIFORGE_TRON === "0" && !env.TRON_URL;
  if (!env.CHAIN_IDS) {
    if (env.TRON_URL && env.AIFORGE_TRON !== "0")
      throw new Failure(
        "TRON_URL is set, but not which chain that is; name it in CHAIN_IDS, e.g. 31337,tron:0xcd8690dc for Nile.",
      );
    return [String(LOCAL_CHAIN_ID), ...(env.AIFORGE_TRON === "0" ? [] : [LOCAL_TRON])];
  }
  const named = env.CHAIN_IDS.split(",").map((id) => id.trim().toLowerCase());
  const ids = named.filter((id) => id !== LOCAL_TRON || !withoutLocal);
  const elsewhere = ids.find((id) => isTron(id) && id !== LOCAL_TRON);
  if (elsewhere && !env.TRON_URL)
    throw new Failure(`CHAIN_IDS names ${elsewhere}, but not where it answers; set TRON_URL.`);
  if (ids.every(isTron))
    throw new Failure(
      "CHAIN_IDS names no EVM chain. One is needed beside Tron: the tables that all chains share are laid out by the EVM mirror. Name one that AIForge is deployed on, with its RPC_URL_<id>, AIFORGE_ADDRESS_<id> and USDT_ADDRESS_<id>, or for trying things out the local 31337; everybody knows the keys of that one, so never serve it beside real money.",
    );
  return ids;
}

const isTron = (id: string): boolean => id.startsWith("tron:");

function parseOptions(argv: string[]): { reset: boolean; help: boolean } {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        reset: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return values;
  } catch (error) {
    throw new Failure(`${(error as Error).message.split(".")[0]}; npm start -- --help lists the options.`);
  }
}

function port(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  return whole(env, name, fallback, 1, 65_535, "a port");
}

function whole(
  env: NodeJS.ProcessEnv,
  name: string,
  fallback: number,
  least: number,
  most: number,
  what = "a whole number",
): number {
  const text = env[name];
  if (!text) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Failure(`${name} must be ${what} between ${least} and ${most}; it is "${text}".`);
  }
  return value;
}

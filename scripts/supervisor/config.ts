import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LOCAL_CHAIN_ID } from "@aiforge/contracts";
import { Failure } from "./failure.ts";

/** The folder of the clone. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface SupervisorConfig {
  /** Everything that is kept between two starts. */
  dataDir: string;
  /** Forget the state first. */
  reset: boolean;
  host: string;
  publicUrl: string;
  ports: { web: number; api: number; chain: number; database: number; mirror: number };
  /** Set when Postgres is somebody else's: the embedded one is not started. */
  databaseUrl: string | null;
  /** Set when the local chain is somebody else's: anvil is not started. */
  rpcUrl: string | null;
  /** Whether the local development chain is among the chains served. */
  localChain: boolean;
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
  DATABASE_PORT      Postgres (54329)
  MIRROR_PORT        the mirror's health port (42069)
  DATABASE_URL       a Postgres of yours instead of the embedded one
  RPC_URL_31337      a development chain of yours instead of the embedded one
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
  const ports = {
    web: port(env, "PORT", 3000),
    api: port(env, "API_PORT", 3001),
    chain: port(env, "CHAIN_PORT", 8545),
    database: port(env, "DATABASE_PORT", 54329),
    mirror: port(env, "MIRROR_PORT", 42069),
  };
  const chains = (env.CHAIN_IDS ?? String(LOCAL_CHAIN_ID)).split(",").map((id) => Number(id.trim()));
  const localChain = chains.includes(LOCAL_CHAIN_ID);
  return {
    dataDir: resolve(ROOT, env.AIFORGE_DATA || ".data"),
    reset: options.reset,
    host: env.HOST || "127.0.0.1",
    publicUrl: env.PUBLIC_URL || `http://localhost:${ports.web}`,
    ports,
    databaseUrl: env.DATABASE_URL || null,
    rpcUrl: env[`RPC_URL_${LOCAL_CHAIN_ID}`] || null,
    localChain,
    seed: localChain && env.AIFORGE_SEED !== "0",
    miner: localChain && env.AIFORGE_MINER !== "0",
  };
}

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
  const text = env[name];
  if (!text) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535) {
    throw new Failure(`${name} must be a port between 1 and 65535; it is "${text}".`);
  }
  return value;
}

import { LOCAL_TRON_ID } from "@aiforge/contracts";
import { TRON_LIMITS, type TronLimits } from "./tronLimits.ts";
import type { TronNodes } from "./tronProxy.ts";

export interface WebConfig {
  port: number;
  host: string;
  /** Where the API listens; everything under /api goes there. */
  apiUrl: string;
  /** The JSON-RPC node behind /rpc/<chainId>, by decimal chain id. */
  rpcUrls: Record<string, string>;
  /** The nodes behind /tron/<chainId>, by decimal chain id. */
  tronNodes: Record<string, TronNodes>;
  /** How much may be asked of them through here. */
  tronLimits: TronLimits;
  /** Whether a proxy in front of this server sets x-forwarded-for and x-forwarded-proto truthfully. */
  trustProxy: boolean;
  /** How many such proxies, one after the other. */
  trustedProxies: number;
}

const LOCAL_RPC = { "31337": "http://127.0.0.1:8545" };

/**
 * PORT (3000), HOST (127.0.0.1), API_URL (http://127.0.0.1:3001), RPC_URL_<chainId> (31337: http://127.0.0.1:8545),
 * TRUST_PROXY=1, TRUSTED_PROXIES (1); for the Tron chain that CHAIN_IDS names TRON_URL, TRON_SOLIDITY_URL (TRON_URL),
 * TRON_PAGES_API_KEY (TRON_PRO_API_KEY), in ten seconds TRON_READS (100), TRON_READS_PER_CLIENT (80), TRON_SENDS (50),
 * TRON_SENDS_PER_CLIENT (10), in a day TRON_READS_PER_DAY (20,000) and TRON_SENDS_PER_DAY (2,000). Of several addresses the first is taken.
 * @throws {Error} naming the variable whose value cannot be used.
 */
export function configFromEnv(env: Record<string, string | undefined>): WebConfig {
  const port = Number(env.PORT ?? 3000);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`PORT is not a port: ${env.PORT}`);
  const rpcUrls: Record<string, string> = { ...LOCAL_RPC };
  for (const [name, value] of Object.entries(env)) {
    const chainId = /^RPC_URL_([1-9][0-9]*)$/.exec(name)?.[1];
    if (chainId && value) rpcUrls[chainId] = httpUrl(name, value);
  }
  return {
    port,
    host: env.HOST ?? "127.0.0.1",
    apiUrl: httpUrl("API_URL", env.API_URL ?? "http://127.0.0.1:3001"),
    rpcUrls,
    tronNodes: tronNodesFromEnv(env),
    tronLimits: tronLimitsFromEnv(env),
    trustProxy: env.TRUST_PROXY === "1",
    trustedProxies: whole(env, "TRUSTED_PROXIES", 1, 0),
  };
}

function tronChainId(env: Record<string, string | undefined>): number | null {
  const id = /(?:^|,)\s*tron:0x([0-9a-f]{1,8})\s*(?:,|$)/i.exec(env.CHAIN_IDS ?? "")?.[1];
  return id ? Number.parseInt(id, 16) : null;
}

/** The local Tron has no quota, and its pages ask much more often. */
function tronLimitsFromEnv(env: Record<string, string | undefined>): TronLimits {
  const local = tronChainId(env) === LOCAL_TRON_ID;
  const times = local ? 20 : 1;
  const day = (most: number) => (local ? Number.POSITIVE_INFINITY : most);
  return {
    ...TRON_LIMITS,
    reads: whole(env, "TRON_READS", TRON_LIMITS.reads * times),
    readsPerClient: whole(env, "TRON_READS_PER_CLIENT", TRON_LIMITS.readsPerClient * times),
    sends: whole(env, "TRON_SENDS", TRON_LIMITS.sends * times),
    sendsPerClient: whole(env, "TRON_SENDS_PER_CLIENT", TRON_LIMITS.sendsPerClient * times),
    readsPerDay: whole(env, "TRON_READS_PER_DAY", day(TRON_LIMITS.readsPerDay)),
    sendsPerDay: whole(env, "TRON_SENDS_PER_DAY", day(TRON_LIMITS.sendsPerDay)),
    atOnce: TRON_LIMITS.atOnce * times,
    atOncePerClient: TRON_LIMITS.atOncePerClient * times,
  };
}

function tronNodesFromEnv(env: Record<string, string | undefined>): Record<string, TronNodes> {
  const id = tronChainId(env);
  const first = (name: string) => env[name]?.split(",")[0]?.trim();
  const url = first("TRON_URL");
  if (id === null || !url) return {};
  const solidityUrl = first("TRON_SOLIDITY_URL") || url;
  const key = env.TRON_PAGES_API_KEY || env.TRON_PRO_API_KEY;
  const nodes = {
    url: httpUrl("TRON_URL", url),
    solidityUrl: httpUrl("TRON_SOLIDITY_URL", solidityUrl),
    headers: key ? { "TRON-PRO-API-KEY": key } : ({} as Record<string, string>),
  };
  return { [String(id)]: nodes };
}

function whole(env: Record<string, string | undefined>, name: string, fallback: number, least = 1): number {
  const text = env[name];
  if (!text) return fallback;
  if (!/^[0-9]{1,7}$/.test(text) || Number(text) < least)
    throw new Error(`${name} is not a whole number from ${least}: ${text}`);
  return Number(text);
}

function httpUrl(name: string, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url?.protocol !== "http:" && url?.protocol !== "https:")
    throw new Error(`${name} is not an http(s) URL: ${value}`);
  return value.replace(/\/$/, "");
}

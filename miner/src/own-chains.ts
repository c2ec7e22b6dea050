import { Option } from "commander";
import { MinerError } from "./errors.ts";

/** What an operator says of chains, so that nothing depends on the platform. Chains are named as in CAIP-2. */
export interface OwnChains {
  /** A node of an EVM chain, which says itself of which. */
  rpcUrl: string | null;
  nodes: ReadonlyMap<string, string>;
  /** As they were written. */
  contracts: ReadonlyMap<string, string>;
  /** Sent to the own node of a Tron chain. */
  tronKey: string | null;
}

/** The variable for the key of a public Tron node. There is no flag: flags show in `ps`. */
const TRON_KEY_VARIABLE = "TRON_PRO_API_KEY";

export const chainOptions = [
  new Option(
    "--rpc-url <list>",
    "nodes of your own, separated by commas: an EVM chain's, or of any chain as tron:0x2b6653dc=https://… (default: through the API)",
  ).env("AIFORGE_MINER_RPC_URL"),
  new Option(
    "--contracts <list>",
    "the contract's address as tron:0x2b6653dc=T…, separated by commas (default: as the API says or last said)",
  ).env("AIFORGE_MINER_CONTRACTS"),
];

/** @throws MinerError naming the option that is wrong */
export function resolveChains(
  raw: { rpcUrl?: string; contracts?: string },
  env: Record<string, string | undefined> = process.env,
): OwnChains {
  const nodes = new Map<string, string>();
  const plain: string[] = [];
  // An address may have a comma in it.
  for (const [at, part] of (raw.rpcUrl ?? "").split(/,(?=\s*(?:https?:|eip155:|tron:))/).entries()) {
    const { chain, value } = named(part);
    if (value === "") continue;
    const url = URL.parse(value);
    // Named by its place: providers have their customers' keys in an address.
    if (url?.protocol !== "http:" && url?.protocol !== "https:")
      throw new MinerError(`--rpc-url: ${chain ?? `entry ${at + 1}`} has not an http or https address.`, {
        hint: "Such as https://eth.example, or tron:0x2b6653dc=https://api.trongrid.io.",
      });
    if (chain) nodes.set(chain, value);
    else plain.push(value);
  }
  if (plain.length > 1)
    throw new MinerError("--rpc-url: of several nodes each needs its chain in front, such as eip155:1=….");
  const contracts = new Map<string, string>();
  for (const part of (raw.contracts ?? "").split(",")) {
    const { chain, value } = named(part);
    if (value === "") continue;
    if (
      !chain ||
      !(isTron(chain) ? /^(?:T[1-9A-Za-z]{33}|(?:0x|41)[0-9a-f]{40})$/i : /^0x[0-9a-f]{40}$/i).test(value)
    )
      throw new MinerError(`--contracts: “${part.trim()}” is not a chain and an address.`, {
        hint: "Such as tron:0x2b6653dc=T…, or eip155:1=0x….",
      });
    contracts.set(chain, value);
  }
  return { rpcUrl: plain[0] ?? null, nodes, contracts, tronKey: env[TRON_KEY_VARIABLE] || null };
}

function named(part: string): { chain: string | null; value: string } {
  const [, name, value] = /^\s*(eip155:\d+|tron:0x[0-9a-f]{1,8})\s*=(.*)$/is.exec(part) ?? [];
  if (name === undefined || value === undefined) return { chain: null, value: part.trim() };
  const chain = isTron(name) ? `tron:0x${chainIdOf(name).toString(16).padStart(8, "0")}` : name;
  return { chain, value: value.trim() };
}

export const isTron = (chain: string): boolean => /^tron:/i.test(chain);

/** Whether a node's wallet can be paid and can send on a chain. */
export const isPayable = (chain: string): boolean => /^(?:eip155:\d+|tron:0x[0-9a-f]{1,8})$/.test(chain);

/** As CHAINID says inside the VM. */
export const chainIdOf = (chain: string): number => Number(chain.slice(chain.indexOf(":") + 1));

import { demoAccount, LOCAL_TRON_ID, parseUsdt, tronAddress } from "@aiforge/contracts";

type Env = Record<string, string | undefined>;
type Hex = `0x${string}`;

export interface ChainConfig {
  /** CAIP-2 id, e.g. `eip155:31337` or `tron:0x2b6653dc`. */
  chain: string;
  /** What kind of chain it is; only what sends, shows or signs has to know. */
  namespace: "eip155" | "tron";
  /** As CHAINID says inside the VM. */
  chainId: number;
  name: string;
  /** Nodes to ask, the best first: RPC nodes, or Tron's with `wallet/…`. */
  rpcUrls: string[];
  /** Tron only: the node that answers `walletsolidity/…`, where it is another one. */
  solidityUrl: string | undefined;
  /** Sent along with each question to the nodes; never to be shown. */
  headers: Record<string, string>;
  /** Path or URL of a node that browsers use. */
  publicRpcUrl: string;
  aiforge: Hex | undefined;
  usdt: Hex | undefined;
  /** Blocks that a purchase waits for, counting its own. */
  confirmations: number;
  explorer: string | null;
  /** True only for the local development chains, whose keys are public. */
  demo: boolean;
  /** Private key of the wallet that takes plain transfers; the local chains have one that everybody knows. */
  cashierKey: Hex | null;
  /** What costs less is not bought by a plain transfer, micro-USDT: the cashier pays the gas of each purchase. */
  leastTransfer: bigint;
  /** Less than this becomes credit only together with more of the same payee's, micro-USDT, for the same reason. */
  leastCredit: bigint;
  /** Private key of the wallet that holds OPERATOR; the local chains have one that everybody knows. */
  operatorKey: Hex | null;
}

const EVM_NAMES: Record<number, { name: string; explorer: string | null }> = {
  1: { name: "Ethereum", explorer: "https://etherscan.io" },
  11155111: { name: "Sepolia", explorer: "https://sepolia.etherscan.io" },
  31337: { name: "Local chain", explorer: null },
};

/** USDT; on Tron a transaction of the contract's costs the cashier several TRX. */
const LEAST_TRANSFER = { eip155: "1", tron: "5" };

/** USDT; on the local chains gas costs nobody anything, so that whoever tries them out sees all at once. */
const leastCredit = (demo: boolean) => (demo ? "0" : "1");

const TRON_NAMES: Record<number, { name: string; explorer: string | null }> = {
  728126428: { name: "Tron", explorer: "https://tronscan.org" },
  2494104990: { name: "Tron Shasta", explorer: "https://shasta.tronscan.org" },
  3448148188: { name: "Tron Nile", explorer: "https://nile.tronscan.org" },
  [LOCAL_TRON_ID]: { name: "Local Tron", explorer: null },
};

/** A block is solid when 19 of the 27 witnesses have built on it, themselves included. */
const TRON_CONFIRMATIONS = 19;

/**
 * The chains that CHAIN_IDS names, in its order.
 * @throws Error that names the variable that is missing or malformed
 */
export function chainConfigs(ids: string, env: Env): ChainConfig[] {
  const chains = ids
    .split(",")
    .map((text) => text.trim())
    .map((text) => (text.startsWith("tron:") ? tronConfig(text, env) : evmConfig(text, env)));
  const twice = chains.find(({ chain }, at) => chains.findIndex((other) => other.chain === chain) !== at);
  if (twice) throw new Error(`CHAIN_IDS: ${twice.chain} is there twice`);
  if (chains.filter(({ namespace }) => namespace === "tron").length > 1) {
    throw new Error("CHAIN_IDS: only one Tron chain can be served, for there is one TRON_URL");
  }
  return chains;
}

function evmConfig(id: string, env: Env): ChainConfig {
  const chainId = Number(id);
  if (!Number.isSafeInteger(chainId) || chainId <= 0) throw new Error("CHAIN_IDS: not a list of chain ids");
  const demo = chainId === 31337;
  const rpcUrl = env[`RPC_URL_${chainId}`] ?? (demo ? "http://127.0.0.1:8545" : undefined);
  if (!rpcUrl) throw new Error(`RPC_URL_${chainId} is missing: the address of an RPC node of that chain`);
  const optional = (name: string) => {
    const value = env[`${name}_${chainId}`];
    if (value === undefined) return undefined;
    if (!/^0x[0-9a-fA-F]{40}$/.test(value)) throw new Error(`${name}_${chainId} is not an address`);
    return value as Hex;
  };
  const known = EVM_NAMES[chainId];
  return {
    chain: `eip155:${chainId}`,
    namespace: "eip155",
    chainId,
    name: known?.name ?? `Chain ${chainId}`,
    rpcUrls: [rpcUrl],
    solidityUrl: undefined,
    headers: {},
    publicRpcUrl: env[`PUBLIC_RPC_URL_${chainId}`] ?? `/rpc/${chainId}`,
    aiforge: optional("AIFORGE_ADDRESS"),
    usdt: optional("USDT_ADDRESS"),
    confirmations: 3,
    explorer: known?.explorer ?? null,
    demo,
    cashierKey: (env.CASHIER_KEY as Hex | undefined) ?? (demo ? demoAccount("cashier").privateKey : null),
    leastTransfer: amountIn("CASHIER_LEAST_TRANSFER", env, LEAST_TRANSFER.eip155),
    leastCredit: amountIn("CASHIER_LEAST_CREDIT", env, leastCredit(demo)),
    operatorKey: (env.OPERATOR_KEY as Hex | undefined) ?? (demo ? demoAccount("operator").privateKey : null),
  };
}

function tronConfig(id: string, env: Env): ChainConfig {
  const chainId = /^tron:0x[0-9a-f]{1,8}$/i.test(id) ? Number(id.slice(5)) : 0;
  if (chainId === 0) throw new Error(`CHAIN_IDS: ${id} is no Tron chain, such as tron:0x2b6653dc`);
  const rpcUrls = urls("TRON_URL", env);
  const [first] = rpcUrls;
  if (!first) throw new Error("TRON_URL is missing: the address of a Tron node");
  const address = (name: string) => {
    const value = env[name];
    if (!value) throw new Error(`${name} is missing: CHAIN_IDS names a Tron chain`);
    try {
      return tronAddress(value);
    } catch {
      throw new Error(`${name} is not a Tron address`);
    }
  };
  const key = (name: "CASHIER_KEY" | "OPERATOR_KEY", role: "cashier" | "operator") => {
    const value = env[`TRON_${name}`] || env[name] || (demo ? demoAccount(role).privateKey : null);
    if (value && !/^0x[0-9a-fA-F]{64}$/.test(value)) {
      throw new Error(`TRON_${name}: not a private key: 0x and 64 hexadecimal digits`);
    }
    return value as Hex | null;
  };
  const demo = chainId === LOCAL_TRON_ID;
  const known = TRON_NAMES[chainId];
  const hex = `0x${chainId.toString(16).padStart(8, "0")}`;
  return {
    chain: `tron:${hex}`,
    namespace: "tron",
    chainId,
    name: known?.name ?? `Tron ${hex}`,
    rpcUrls,
    solidityUrl: urls("TRON_SOLIDITY_URL", env)[0],
    headers: env.TRON_PRO_API_KEY ? { "TRON-PRO-API-KEY": env.TRON_PRO_API_KEY } : {},
    publicRpcUrl: env.PUBLIC_TRON_URL || `/tron/${chainId}`,
    aiforge: address("TRON_AIFORGE_ADDRESS"),
    usdt: address("TRON_USDT_ADDRESS"),
    confirmations: TRON_CONFIRMATIONS,
    explorer: known?.explorer ?? null,
    demo,
    cashierKey: key("CASHIER_KEY", "cashier"),
    leastTransfer: amountIn("TRON_CASHIER_LEAST_TRANSFER", env, LEAST_TRANSFER.tron),
    leastCredit: amountIn("TRON_CASHIER_LEAST_CREDIT", env, leastCredit(demo)),
    operatorKey: key("OPERATOR_KEY", "operator"),
  };
}

/** An amount of USDT, in micro-USDT. */
function amountIn(name: string, env: Env, otherwise: string): bigint {
  try {
    return parseUsdt(env[name] || otherwise);
  } catch {
    throw new Error(`${name}: not an amount of USDT, such as ${otherwise}`);
  }
}

/** Addresses with commas between, as the mirror takes them. */
function urls(name: string, env: Env): string[] {
  const list = (env[name] ?? "").split(",").flatMap((text) => text.trim() || []);
  for (const url of list) {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new Error(`${name}: not an http:// address`);
  }
  return list;
}

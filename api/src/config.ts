import { fileURLToPath } from "node:url";
import { demoAccount } from "@aiforge/contracts";
import { z } from "@hono/zod-openapi";

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/);

const environment = z.object({
  API_HOST: z.string().default("127.0.0.1"),
  API_PORT: z.coerce.number().int().min(0).max(65535).default(3001),
  /** The origin that people open; cookies, CSRF and sign-in messages are bound to it. */
  PUBLIC_URL: z.url().default("http://localhost:3000"),
  DATABASE_URL: z.string().default("postgres://postgres:postgres@127.0.0.1:54329/aiforge"),
  DATA_DIR: z.string().default(fileURLToPath(new URL("../../.data", import.meta.url))),
  AUTH_SECRET: z.string().min(32),
  /** Encrypts the keys of protected weights in the database; without the old one those files cannot be read any more. */
  WEIGHTS_SECRET: z.string().min(32),
  /** Comma-separated wallets whose nodes are verified at each start and when they register, as by an admin. */
  VERIFIED_NODE_WALLETS: z
    .string()
    .default("")
    .transform((text) => text.split(",").flatMap((each) => each.trim().toLowerCase() || []))
    .refine((list) => list.every((each) => address.safeParse(each).success), "not a list of addresses"),
  /** Whether a new node takes an invitation from an admin. */
  NODE_INVITES: z.enum(["off", "required"]).default("off"),
  /** Comma-separated chain ids; each needs RPC_URL_<id> and, off the local chain, AIFORGE_ADDRESS_<id>. */
  CHAIN_IDS: z.string().default("31337"),
  MAX_UPLOAD_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(64 * 1024 ** 3),
  /** Of one file for jobs, and of all the files of a user. */
  MAX_INPUT_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(2 * 1024 ** 3),
  MAX_FILES_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(20 * 1024 ** 3),
  MAX_BODY_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(1024 ** 2),
  /** Calls of one key in a minute, on each instance. */
  GATEWAY_REQUESTS_PER_MINUTE: z.coerce.number().int().positive().default(600),
  QUOTE_SECONDS: z.coerce.number().int().positive().default(1800),
  /** Of one account, on all instances: quotes in 15 minutes, and transactions looked at in a minute. */
  QUOTES_PER_ACCOUNT: z.coerce.number().int().positive().default(200),
  VERIFICATIONS_PER_ACCOUNT: z.coerce.number().int().positive().default(120),
  /** Key of the wallet that takes plain transfers and buys for their senders; without one there is no such way to pay. */
  CASHIER_KEY: z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/, "not a private key: 0x and 64 hexadecimal digits")
    .optional(),
  /** Key of the wallet that posts the pool's roots; without one nothing is posted. */
  OPERATOR_KEY: z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/, "not a private key: 0x and 64 hexadecimal digits")
    .optional(),
  /** How often months that ended are distributed; 0: only when an admin asks. */
  DISTRIBUTION_SECONDS: z.coerce.number().int().min(0).default(3600),
  /** Server that e-mail leaves by, e.g. `smtps://name:password@mail.example.org`; without one none is sent. */
  SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\/[^\s]+$/, "not an smtp:// or smtps:// address")
    .optional(),
  /** Who e-mail is from; left out: no-reply at the host of PUBLIC_URL. */
  MAIL_FROM: z.string().max(320).optional(),
  /** How often the client's address may be believed: the number of trusted proxies in front (0: none). */
  TRUSTED_PROXIES: z.coerce.number().int().min(0).default(1),
  /** Sign-in attempts in 15 minutes: of one client address, and wrong passwords of one e-mail address. */
  AUTH_ATTEMPTS_PER_CLIENT: z.coerce.number().int().positive().default(300),
  AUTH_ATTEMPTS_PER_EMAIL: z.coerce.number().int().positive().default(10),
  /** How long a wallet's sign-in message is good. */
  CHALLENGE_SECONDS: z.coerce.number().int().positive().default(600),
  S3_ENDPOINT: z.string().optional(),
  S3_BUCKET: z.string().optional(),
  S3_REGION: z.string().default("us-east-1"),
  S3_ACCESS_KEY_ID: z.string().optional(),
  S3_SECRET_ACCESS_KEY: z.string().optional(),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]).default("info"),
});

export interface ChainConfig {
  /** CAIP-2 id, e.g. `eip155:31337`. */
  chain: string;
  chainId: number;
  name: string;
  rpcUrl: string;
  /** RPC path or URL that browsers use. */
  publicRpcUrl: string;
  aiforge: `0x${string}` | undefined;
  usdt: `0x${string}` | undefined;
  /** Blocks that a purchase waits for, counting its own. */
  confirmations: number;
  explorer: string | null;
  /** True only for the local development chain, whose keys are public. */
  demo: boolean;
  /** Private key of the wallet that takes plain transfers; the local chain has one that everybody knows. */
  cashierKey: `0x${string}` | null;
  /** Private key of the wallet that holds OPERATOR; the local chain has one that everybody knows. */
  operatorKey: `0x${string}` | null;
}

export interface Config extends z.infer<typeof environment> {
  chains: ChainConfig[];
  secureCookies: boolean;
}

const CHAIN_NAMES: Record<number, { name: string; explorer: string | null }> = {
  1: { name: "Ethereum", explorer: "https://etherscan.io" },
  11155111: { name: "Sepolia", explorer: "https://sepolia.etherscan.io" },
  31337: { name: "Local chain", explorer: null },
};

/**
 * Reads the configuration from environment variables.
 * @throws Error that names each variable that is missing or malformed
 */
export function readConfig(env: Record<string, string | undefined> = process.env): Config {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`The configuration is not valid. ${issues.join("; ")}`);
  }
  const config = parsed.data;
  const chains = config.CHAIN_IDS.split(",").map((text) => chainConfig(Number(text.trim()), env));
  return { ...config, chains, secureCookies: new URL(config.PUBLIC_URL).protocol === "https:" };
}

function chainConfig(chainId: number, env: Record<string, string | undefined>): ChainConfig {
  if (!Number.isSafeInteger(chainId) || chainId <= 0) throw new Error("CHAIN_IDS: not a list of chain ids");
  const demo = chainId === 31337;
  const rpcUrl = env[`RPC_URL_${chainId}`] ?? (demo ? "http://127.0.0.1:8545" : undefined);
  if (!rpcUrl) throw new Error(`RPC_URL_${chainId} is missing: the address of an RPC node of that chain`);
  const optional = (name: string) => {
    const value = env[`${name}_${chainId}`];
    if (value === undefined) return undefined;
    if (!address.safeParse(value).success) throw new Error(`${name}_${chainId} is not an address`);
    return value as `0x${string}`;
  };
  const known = CHAIN_NAMES[chainId];
  return {
    chain: `eip155:${chainId}`,
    chainId,
    name: known?.name ?? `Chain ${chainId}`,
    rpcUrl,
    publicRpcUrl: env[`PUBLIC_RPC_URL_${chainId}`] ?? `/rpc/${chainId}`,
    aiforge: optional("AIFORGE_ADDRESS"),
    usdt: optional("USDT_ADDRESS"),
    confirmations: 3,
    explorer: known?.explorer ?? null,
    demo,
    cashierKey:
      (env.CASHIER_KEY as `0x${string}` | undefined) ?? (demo ? demoAccount("cashier").privateKey : null),
    operatorKey:
      (env.OPERATOR_KEY as `0x${string}` | undefined) ?? (demo ? demoAccount("operator").privateKey : null),
  };
}

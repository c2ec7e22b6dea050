import { fileURLToPath } from "node:url";
import { z } from "@hono/zod-openapi";
import { type ChainConfig, chainConfigs } from "./chain/config.ts";

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/);

const environment = z.object({
  API_HOST: z.string().default("127.0.0.1"),
  API_PORT: z.coerce.number().int().min(0).max(65535).default(3001),
  /** The origin that people open; cookies, CSRF and sign-in messages are bound to it. */
  PUBLIC_URL: z.url().default("http://localhost:3000"),
  DATABASE_URL: z.string().default("postgres://postgres:postgres@127.0.0.1:15432/aiforge"),
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
  /**
   * Comma-separated chain ids. A number needs RPC_URL_<id> and, off the local chain, AIFORGE_ADDRESS_<id>; `tron:0x…`
   * needs TRON_URL, TRON_AIFORGE_ADDRESS and TRON_USDT_ADDRESS.
   */
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
  /** How long an answer waits for a chain's node, in milliseconds. */
  CHAIN_READ_MS: z.coerce.number().int().positive().default(2_500),
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

export interface Config extends z.infer<typeof environment> {
  chains: ChainConfig[];
  secureCookies: boolean;
}

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
  const chains = chainConfigs(config.CHAIN_IDS, env);
  return { ...config, chains, secureCookies: new URL(config.PUBLIC_URL).protocol === "https:" };
}

import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";
import { Option } from "commander";
import type { EngineLoader } from "./engines/engine.ts";
import { MinerError } from "./errors.ts";
import { type JobsConfig, type RawJobOptions, resolveJobs } from "./jobs/config.ts";

/** Options as commander hands them over; each may also come from its environment variable. */
export interface RawOptions extends RawJobOptions {
  apiUrl: string;
  name: string;
  keyFile?: string;
  signerUrl?: string;
  signerAddress?: string;
  invite?: string;
  dataDir: string;
  engine: EngineLoader["kind"];
  gpu: "auto" | "off";
  context: string;
  threads?: string;
  upstreamUrl?: string;
  upstreamModel?: string;
  concurrency: string;
  models: string;
  json?: boolean;
}

export interface Config {
  apiUrl: string;
  name: string;
  keyFile: string | null;
  /** JSON-RPC of a signer that holds the wallet instead of this machine. */
  signerUrl: string | null;
  /** Which of the signer's accounts. */
  signerAddress: string | null;
  /** Where registering takes an invitation. */
  invite: string | null;
  dataDir: string;
  engine: EngineLoader["kind"];
  gpu: "auto" | "off";
  /** Tokens of context a generation may have at most. */
  context: number;
  /** CPU threads a model computes with, or null to choose by its size. */
  threads: number | null;
  upstreamUrl: string | null;
  upstreamKey: string | null;
  /** Generations at a time. */
  concurrency: number;
  /** Models to serve with the upstream's name for each (null where there is none), or all. */
  models: "all" | Map<string, string | null>;
  /** What container jobs may do here. */
  jobs: JobsConfig;
  json: boolean;
}

/** The variable for the upstream's key. There is no flag: flags show in `ps`. */
export const UPSTREAM_KEY_VARIABLE = "AIFORGE_UPSTREAM_KEY";

/** Where to reach the API and who this node is; shared by every command. */
export const identityOptions = [
  new Option("--api-url <url>", "the AIForge API").env("AIFORGE_API_URL").default("http://localhost:3000"),
  new Option("--key-file <file>", "file with the wallet's private key, mode 0600 (or AIFORGE_MINER_KEY)").env(
    "AIFORGE_MINER_KEY_FILE",
  ),
  new Option(
    "--signer-url <url>",
    "an external signer (web3signer, clef) instead of a key on this machine",
  ).env("AIFORGE_MINER_SIGNER_URL"),
  new Option("--signer-address <address>", "which of the signer's accounts, where it has several").env(
    "AIFORGE_MINER_SIGNER_ADDRESS",
  ),
  new Option("--data-dir <folder>", "weights and the node's token")
    .env("AIFORGE_MINER_DATA_DIR")
    .default(join(homedir(), ".aiforge-miner"), "~/.aiforge-miner"),
];

/** Which engine answers, and how much of it. */
export const engineOptions = [
  new Option("--engine <kind>", "embedded llama.cpp, or an OpenAI-compatible server of yours")
    .choices(["embedded", "openai"])
    .env("AIFORGE_MINER_ENGINE")
    .default("embedded"),
  new Option("--gpu <use>", "embedded: use a GPU when there is one")
    .choices(["auto", "off"])
    .env("AIFORGE_MINER_GPU")
    .default("auto"),
  new Option("--context <tokens>", "embedded: most tokens of context for one request")
    .env("AIFORGE_MINER_CONTEXT")
    .default("8192"),
  new Option("--threads <n>", "embedded: CPU threads a model computes with (default: by its size)").env(
    "AIFORGE_MINER_THREADS",
  ),
  new Option("--concurrency <n>", "requests answered at a time")
    .env("AIFORGE_MINER_CONCURRENCY")
    .default("4"),
  new Option(
    "--upstream-url <url>",
    "openai: base of the server's API, such as http://localhost:8000/v1 (its key in AIFORGE_UPSTREAM_KEY)",
  ).env("AIFORGE_UPSTREAM_URL"),
  new Option("--upstream-model <name>", "openai: the server's name for the model").env(
    "AIFORGE_UPSTREAM_MODEL",
  ),
  new Option(
    "--models <ids>",
    "models to serve: all, or ids separated by commas; openai: id=name gives each its upstream name",
  )
    .env("AIFORGE_MINER_MODELS")
    .default("all"),
];

export const nameOption = new Option("--name <name>", "how the node is listed")
  .env("AIFORGE_MINER_NAME")
  .default(hostname(), "this machine's name");
export const inviteOption = new Option("--invite <code>", "an invitation, where registering takes one").env(
  "AIFORGE_MINER_INVITE",
);
export const jsonOption = new Option("--json", "print JSON").env("AIFORGE_MINER_JSON");

/** What commands take that have to do with neither an engine nor a name. */
const OPERATOR: Omit<RawOptions, "apiUrl" | "dataDir"> = {
  name: "",
  engine: "embedded",
  gpu: "auto",
  context: "8192",
  concurrency: "4",
  models: "all",
};

/** As {@link resolveConfig}, for a command that runs no engine. */
export const resolveOperator = (raw: Pick<RawOptions, "apiUrl" | "dataDir">): Config =>
  resolveConfig({ ...OPERATOR, ...raw, engine: "embedded" });

/**
 * Checks the options, before anything is started with them.
 * @throws MinerError naming the first option that is wrong
 */
export function resolveConfig(
  raw: RawOptions,
  env: Record<string, string | undefined> = process.env,
): Config {
  const config: Config = {
    apiUrl: httpUrl("--api-url", raw.apiUrl),
    name: raw.name.trim().slice(0, 80) || "node",
    keyFile: raw.keyFile ? resolve(raw.keyFile) : null,
    signerUrl: raw.signerUrl ? httpUrl("--signer-url", raw.signerUrl) : null,
    signerAddress: raw.signerAddress ? address("--signer-address", raw.signerAddress) : null,
    invite: raw.invite?.trim() || null,
    dataDir: resolve(raw.dataDir),
    engine: raw.engine,
    gpu: raw.gpu,
    context: wholeNumber("--context", raw.context, 128, 1_048_576),
    threads: raw.threads ? wholeNumber("--threads", raw.threads, 1, 1_024) : null,
    upstreamUrl: raw.upstreamUrl ? httpUrl("--upstream-url", raw.upstreamUrl) : null,
    upstreamKey: env[UPSTREAM_KEY_VARIABLE] || null,
    concurrency: wholeNumber("--concurrency", raw.concurrency, 1, 1_024),
    models: parseModels(raw.models, raw.upstreamModel ?? null),
    jobs: resolveJobs(raw),
    json: raw.json ?? false,
  };
  if (config.signerUrl && config.keyFile)
    throw new MinerError("The wallet is a key file or a signer, not both.", {
      hint: "Leave --key-file or --signer-url away.",
    });
  if (config.engine === "openai") {
    if (config.upstreamUrl === null)
      throw new MinerError("--engine openai needs --upstream-url.", {
        hint: "Such as http://localhost:8000/v1.",
      });
    // One server's model must not be sold under every name of the marketplace.
    if (config.models === "all")
      throw new MinerError("--engine openai needs the model it serves: --models ID --upstream-model NAME.");
    for (const [modelId, name] of config.models)
      if (name === null) throw new MinerError(`No --upstream-model is given for the model ${modelId}.`);
  }
  return config;
}

/** `all`, or a list such as `id1,id2=name2`. */
export function parseModels(text: string, upstreamModel: string | null): Config["models"] {
  if (text.trim() === "all") return "all";
  const models = new Map<string, string | null>();
  for (const item of text.split(",").map((part) => part.trim())) {
    const [, id = "", name] = /^([^=]*)(?:=(.+))?$/.exec(item) ?? [];
    if (!/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(id))
      throw new MinerError(`--models: “${item}” is not a model id.`, {
        hint: "Its page in the marketplace shows it.",
      });
    models.set(id.toLowerCase(), name ?? upstreamModel);
  }
  return models;
}

export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text.trim()) && value >= min && value <= max) return value;
  throw new MinerError(`${option} must be a whole number from ${min} to ${max}, not “${text}”.`);
}

function address(option: string, text: string): string {
  if (/^0x[0-9a-fA-F]{40}$/.test(text)) return text;
  throw new MinerError(`${option} must be an address (0x and 40 hexadecimal digits), not “${text}”.`);
}

function httpUrl(option: string, text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === "http:" || url?.protocol === "https:") return text.replace(/\/+$/, "");
  throw new MinerError(`${option} must be an http or https address, not “${text}”.`);
}

import { type Address, encodeAbiParameters, type Hex, keccak256, pad, stringToHex } from "viem";

/** A file that a job reads: known by its CID, found below `/in`. */
export interface JobInput {
  cid: string;
  /** Relative to `/in`. */
  path: string;
  /** Bytes. */
  size: number;
}

/** What is to be done. Its hash is the `specification` of the job on chain, so nothing of it can change later. */
export interface JobSpecification {
  version: 1;
  /** By digest only: `name@sha256:…`, or the id `sha256:…` of an image that nodes have without a registry. */
  image: string;
  /** Arguments, the program first. */
  command: string[];
  env: Record<string, string>;
  inputs: JobInput[];
  /** All of `/out` together, MiB. */
  outputLimitMb: number;
  /** Thousandths of a processor. */
  cpuMillis: number;
  memoryMb: number;
  gpus: number;
  /** Inputs, `/out` and `/tmp` together, MiB. */
  diskMb: number;
  /** Of the container alone: fetching images and inputs does not count. */
  timeLimitSeconds: number;
  network: boolean;
  /** Attempts after the first. */
  retries: number;
  /** UUID of the model that the node's engine serves to the job on a socket. */
  engineModelId: string | null;
  /** False: paid at once on the operator's word. True: the node submits on chain and the client has a day to dispute. */
  review: boolean;
}

/** A job as the contract takes it. */
export interface Job {
  client: Address;
  account: Hex;
  specification: Hex;
  /** Micro-USDT. */
  price: bigint;
  /** Unix seconds. */
  deadline: number;
  salt: Hex;
}

/** What came of a job. Its hash is the `result` on chain. */
export interface JobResult {
  version: 1;
  /** On chain. */
  jobId: Hex;
  attempt: number;
  exitCode: 0;
  containerSeconds: number;
  /** Of the manifest of all outputs. */
  outputCid: string;
}

/** The most that a job may ask for. Sizes named Mb are MiB. */
export const JOB_LIMITS = {
  commandItems: 256,
  commandBytes: 64 * 1024,
  envItems: 128,
  envValueBytes: 8 * 1024,
  inputs: 64,
  pathBytes: 1024,
  cpuMillis: { min: 100, max: 256_000 },
  memoryMb: { min: 64, max: 4_194_304 },
  gpus: { min: 0, max: 16 },
  diskMb: { min: 16, max: 10_485_760 },
  outputLimitMb: { min: 1, max: 10_240 },
  /** The contract's 30 days, less an hour for the payment, the set-up and the check of the result. */
  timeLimitSeconds: { min: 1, max: 30 * 86_400 - 3_600 },
  retries: { min: 0, max: 5 },
  /** Files that one job may put out. */
  outputs: 1_000,
} as const;

/** A specification that nobody may run. `field` is a path such as `inputs.0.path`. */
export class JobSpecificationError extends Error {
  override name = "JobSpecificationError";
  readonly field: string;
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

const NAME = "[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?";
const IMAGE = new RegExp(`^(?:(?:${NAME}:\\d{1,5}/)?${NAME}(?:/${NAME})*@)?sha256:[0-9a-f]{64}$`);
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const CID = /^b[a-z2-7]{58,100}$/;
const BREAKS = /[\0\r\n]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Whether an image is named in a way that never changes what it is. */
export const isImageDigest = (image: string): boolean => image.length <= 400 && IMAGE.test(image);

/** Whether a text can be the CID of a file: version 1 in base 32, as the platform gives them. */
export const isContentCid = (cid: string): boolean => CID.test(cid);

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

/** What is wrong with a relative path below `/in` or `/out`; null when nothing is. */
export function jobPathProblem(path: string): string | null {
  if (path === "") return "is empty";
  if (!path.isWellFormed()) return "is not valid Unicode";
  if (CONTROL.test(path)) return "has a control character in it";
  if (path.includes("\\")) return "has a backslash in it";
  if (path.startsWith("/")) return "is not relative";
  if (bytesOf(path) > JOB_LIMITS.pathBytes) return `is over ${JOB_LIMITS.pathBytes} bytes`;
  for (const part of path.split("/")) {
    if (part === "" || part === "." || part === "..") return 'has an empty part, "." or ".." in it';
    if (bytesOf(part) > 255) return "has a part of over 255 bytes";
  }
  return null;
}

/** The first of `paths` that is there twice or is also a folder of another; null when there is none. */
export function jobPathClash(paths: readonly string[]): string | null {
  const files = new Set<string>();
  for (const path of paths) {
    if (files.has(path)) return path;
    files.add(path);
  }
  for (const path of paths) {
    for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
      if (files.has(path.slice(0, at))) return path.slice(0, at);
    }
  }
  return null;
}

/** What is wrong with the environment of a job; null when nothing is. */
export function jobEnvProblem(env: Readonly<Record<string, string>>): string | null {
  const entries = Object.entries(env);
  if (entries.length > JOB_LIMITS.envItems) return `more than ${JOB_LIMITS.envItems} variables`;
  for (const [name, value] of entries) {
    if (!ENV_NAME.test(name)) return `${JSON.stringify(name).slice(0, 60)} is not the name of a variable`;
    if (/^AIFORGE_/i.test(name)) return `${name}: names that begin with AIFORGE_ are the platform's`;
    if (BREAKS.test(value)) return `${name} has a line break or NUL in its value`;
    if (!value.isWellFormed()) return `${name} is not valid Unicode`;
    if (bytesOf(value) > JOB_LIMITS.envValueBytes) return `${name} is over ${JOB_LIMITS.envValueBytes} bytes`;
  }
  return null;
}

/** What is wrong with the command of a job; null when nothing is. */
export function jobCommandProblem(command: readonly string[]): string | null {
  if (command.length < 1 || command.length > JOB_LIMITS.commandItems) {
    return `a command has 1 to ${JOB_LIMITS.commandItems} arguments`;
  }
  if (command[0] === "") return "the program has no name";
  if (command.some((argument) => argument.includes("\0"))) return "an argument has a NUL in it";
  if (command.some((argument) => !argument.isWellFormed())) return "an argument is not valid Unicode";
  const bytes = command.reduce((sum, argument) => sum + bytesOf(argument), 0);
  if (bytes > JOB_LIMITS.commandBytes) return `the arguments are over ${JOB_LIMITS.commandBytes} bytes`;
  return null;
}

/**
 * Holds a specification to the rules of the platform.
 * @throws {JobSpecificationError} names the first field that breaks one
 */
export function assertJobSpecification(spec: JobSpecification): void {
  const fail = (field: string, message: string): never => {
    throw new JobSpecificationError(field, message);
  };
  if (spec.version !== 1) fail("version", "Only version 1 is known");
  if (!isImageDigest(spec.image))
    fail("image", "Not an image by digest: name@sha256:<64 hexadecimal digits>");
  const command = jobCommandProblem(spec.command);
  if (command) fail("command", command);
  const env = jobEnvProblem(spec.env);
  if (env) fail("env", env);
  if (spec.inputs.length > JOB_LIMITS.inputs) fail("inputs", `At most ${JOB_LIMITS.inputs} inputs`);
  for (const [at, { cid, path, size }] of spec.inputs.entries()) {
    const problem = jobPathProblem(path);
    if (problem) fail(`inputs.${at}.path`, `The path ${problem}`);
    if (!isContentCid(cid)) fail(`inputs.${at}.cid`, "Not the CID of a file");
    if (!Number.isSafeInteger(size) || size < 0) fail(`inputs.${at}.size`, "Not a number of bytes");
  }
  const clash = jobPathClash(spec.inputs.map(({ path }) => path));
  if (clash !== null) fail("inputs", `${clash} is there twice, or is also a folder`);
  for (const name of NUMBERS) {
    const { min, max } = JOB_LIMITS[name];
    const value = spec[name];
    if (!Number.isInteger(value) || value < min || value > max) {
      fail(name, `A whole number from ${min} to ${max}, not ${value}`);
    }
  }
  const inputBytes = spec.inputs.reduce((sum, { size }) => sum + size, 0);
  if (inputBytes / 1024 ** 2 + spec.outputLimitMb > spec.diskMb) {
    fail("diskMb", "The inputs and the outputs do not fit into the disk that is asked for");
  }
  if (spec.engineModelId !== null && !UUID.test(spec.engineModelId)) fail("engineModelId", "Not a UUID");
  for (const name of ["network", "review"] as const) {
    if (typeof spec[name] !== "boolean") fail(name, "Not true or false");
  }
}

const NUMBERS = [
  "outputLimitMb",
  "cpuMillis",
  "memoryMb",
  "gpus",
  "diskMb",
  "timeLimitSeconds",
  "retries",
] as const;

/** JSON with sorted keys and no spaces: the same value is always the same text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(",")}}`;
}

/** The hash of a specification, as a job names it on chain. */
export const specificationHash = (spec: JobSpecification): Hex => keccak256(stringToHex(canonicalJson(spec)));

/** The hash of a result, as it is paid for on chain. */
export const resultHash = (result: JobResult): Hex => keccak256(stringToHex(canonicalJson(result)));

/** The id of a job on chain: `keccak256(abi.encode(job))`. */
export function jobIdOf(job: Job): Hex {
  return keccak256(
    encodeAbiParameters(
      [
        {
          type: "tuple",
          components: [
            { name: "client", type: "address" },
            { name: "account", type: "bytes32" },
            { name: "specification", type: "bytes32" },
            { name: "price", type: "uint64" },
            { name: "deadline", type: "uint40" },
            { name: "salt", type: "bytes32" },
          ],
        },
      ],
      [job],
    ),
  );
}

/** A wallet as the payee of a job. */
export const payeeOf = (wallet: Address): Hex => pad(wallet.toLowerCase() as Hex);

/** EIP-712 domain of the contract. */
export const jobDomain = (chainId: number, aiforge: Address) =>
  ({ name: "AIForge", version: "1", chainId, verifyingContract: aiforge }) as const;

/** The operator's word on who does a job. */
export const ASSIGNMENT_TYPES = {
  Assignment: [
    { name: "jobId", type: "bytes32" },
    { name: "node", type: "address" },
    { name: "payee", type: "bytes32" },
    { name: "expiry", type: "uint40" },
  ],
} as const;

/** The operator's word that a result is good. */
export const ATTESTATION_TYPES = {
  Attestation: [
    { name: "jobId", type: "bytes32" },
    { name: "payee", type: "bytes32" },
    { name: "result", type: "bytes32" },
  ],
} as const;

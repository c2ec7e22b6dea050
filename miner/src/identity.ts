import { randomUUID } from "node:crypto";
import { chmod, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { LocalAccount } from "viem";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { MinerError } from "./errors.ts";
import { KEY_VARIABLE } from "./key-variable.ts";

export function accountOf(text: string, origin: string): PrivateKeyAccount {
  const key = text.trim();
  const hex = key.startsWith("0x") ? key : `0x${key}`;
  // The message names where the key came from and never what it says.
  if (!/^0x[0-9a-fA-F]{64}$/.test(hex))
    throw new MinerError(`${origin} does not hold a private key (64 hexadecimal digits).`);
  try {
    return privateKeyToAccount(hex as `0x${string}`);
  } catch {
    throw new MinerError(`${origin} holds a number that is not a valid secp256k1 private key.`);
  }
}

/**
 * The wallet this node signs with: the key file if one is given, else AIFORGE_MINER_KEY.
 * The variable is removed from the environment, so that no child process inherits it.
 * @throws MinerError when there is none, when the file can be read by others, or when it is not a key
 */
export async function loadAccount(
  keyFile: string | null,
  env: Record<string, string | undefined> = process.env,
): Promise<PrivateKeyAccount> {
  const fromEnvironment = env[KEY_VARIABLE];
  delete env[KEY_VARIABLE];
  if (keyFile !== null) return accountOf(await readPrivateFile(keyFile), `The key file ${keyFile}`);
  if (fromEnvironment) return accountOf(fromEnvironment, KEY_VARIABLE);
  throw new MinerError("No wallet key.", {
    hint: `Run aiforge-miner init, pass --key-file FILE (mode 0600), or set ${KEY_VARIABLE}.`,
  });
}

/**
 * The wallet of a configuration: an external signer's, else the key's.
 * @throws MinerError as {@link loadAccount}, or when the signer does not answer
 */
export async function openWallet(
  config: { keyFile: string | null; signerUrl: string | null; signerAddress: string | null },
  env: Record<string, string | undefined> = process.env,
): Promise<LocalAccount> {
  if (config.signerUrl === null) return loadAccount(config.keyFile, env);
  delete env[KEY_VARIABLE];
  const { signerAccount } = await import("./signer.ts");
  return signerAccount(config.signerUrl, config.signerAddress);
}

/**
 * Reads a file that must belong to its owner alone.
 * @throws MinerError when it is missing or others may read it
 */
async function readPrivateFile(path: string): Promise<string> {
  const info = await stat(path).catch(() => null);
  if (!info?.isFile()) throw new MinerError(`The key file ${path} does not exist.`);
  // Windows has no such mode bits; its files are guarded by the user's folder.
  if (process.platform !== "win32" && (info.mode & 0o077) !== 0)
    throw new MinerError(`The key file ${path} can be read by others.`, { hint: `chmod 600 ${path}` });
  return readFile(path, "utf8");
}

/** The node's token for one API and one wallet, kept in the data folder with mode 0600. */
export class TokenStore {
  readonly #path: string;

  constructor(dataDir: string, apiUrl: string, address: string) {
    const host = new URL(apiUrl).host.replaceAll(/[^a-zA-Z0-9.-]/g, "_");
    this.#path = join(dataDir, "tokens", `${host}-${address.toLowerCase()}`);
  }

  async read(): Promise<string | null> {
    const text = await readFile(this.#path, "utf8").catch(() => "");
    return text.trim() || null;
  }

  async write(token: string): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.${randomUUID()}`;
    await writeFile(temporary, `${token}\n`, { mode: 0o600 });
    await chmod(temporary, 0o600);
    await rename(temporary, this.#path);
  }
}

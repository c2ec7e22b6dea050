import { access, mkdir, open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { generatePrivateKey } from "viem/accounts";
import type { Config } from "./config.ts";
import { MinerError } from "./errors.ts";
import { accountOf, openWallet } from "./identity.ts";
import { KEY_VARIABLE } from "./key-variable.ts";
import { readSettings, type Settings, writeSettings } from "./settings.ts";

export interface InitParameters {
  config: Config;
  /** Of the settings. */
  path: string;
  /** Null: a signer where one is named, the key file that is there, the key in the environment, else a new one. */
  wallet: "create" | "import" | "signer" | null;
  settings: Settings;
  force: boolean;
  readKey: () => Promise<string>;
  env?: Record<string, string | undefined>;
}

export interface Initialised {
  address: string;
  /** Null with an external signer. */
  keyFile: string | null;
  config: string;
  /** Whether the key is a new one. */
  created: boolean;
}

/**
 * Makes or takes over a wallet, then writes the settings. A key that lies there is used and never replaced.
 * @throws MinerError, and nothing was changed
 */
export async function initialise(parameters: InitParameters): Promise<Initialised> {
  const { config, force, env = process.env } = parameters;
  const path = resolve(parameters.path);
  if (!force && (await readSettings(path)) !== null)
    throw new MinerError(`There are settings at ${path} already.`, {
      hint: "Edit them, or write them anew with --force.",
    });
  const { keyFile: _, ...settings } = parameters.settings;
  const dataDir = config.dataDir;
  if (parameters.wallet === "signer" || (parameters.wallet === null && config.signerUrl !== null)) {
    if (config.signerUrl === null)
      throw new MinerError("--wallet signer needs --signer-url.", { hint: "Such as http://127.0.0.1:9000." });
    // Asked now, so that a signer that is not there is not found out later.
    const { address } = await openWallet(config, env);
    await writeSettings(path, { ...settings, dataDir, signerAddress: address });
    return { address, keyFile: null, config: path, created: false };
  }
  const keyFile = config.keyFile ?? join(dataDir, "wallet.key");
  const there = await access(keyFile).then(
    () => true,
    () => false,
  );
  const fromEnvironment = env[KEY_VARIABLE];
  delete env[KEY_VARIABLE];
  const wallet = parameters.wallet ?? (there ? null : fromEnvironment ? "import" : "create");
  if (wallet !== null && there)
    throw new MinerError(`There is a key at ${keyFile} already; it is never replaced.`, {
      hint: "Leave --wallet away to use it, or name another file with --key-file.",
    });
  let address: string;
  if (wallet === null) address = (await openWallet({ ...config, keyFile, signerUrl: null }, env)).address;
  else {
    const key =
      wallet === "import" ? (fromEnvironment ?? (await parameters.readKey())) : generatePrivateKey();
    ({ address } = accountOf(key, fromEnvironment ? KEY_VARIABLE : "What was handed over"));
    await writeKey(keyFile, key.trim());
  }
  const { signerUrl: _url, signerAddress: _address, ...rest } = settings;
  await writeSettings(path, { ...rest, dataDir, keyFile: resolve(keyFile) });
  return { address, keyFile: resolve(keyFile), config: path, created: wallet === "create" };
}

/** For this user alone from the first byte on, and on the disk when it returns. */
async function writeKey(path: string, key: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, "wx", 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(`${key}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

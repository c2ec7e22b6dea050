import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MinerError } from "../errors.ts";

/**
 * Takes a data folder for this process alone. The operating system gives the lock back when the process ends, however
 * it ends: SQLite's locks on a file do that on every platform, which Node's own file functions cannot.
 * @returns what gives it back
 * @throws MinerError when another process has it
 */
export async function lockFolder(dataDir: string): Promise<() => void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(dataDir, "lock"));
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    throw new MinerError(`Another aiforge-miner runs on ${dataDir}.`, {
      hint: "Stop it, or give this one a --data-dir and a wallet of its own.",
      cause: error,
    });
  }
  return () => {
    if (database.isOpen) database.close();
  };
}

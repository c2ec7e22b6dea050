import { link, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Failure } from "./failure.ts";
import { identify, isAlive, type ProcessIdentity } from "./process-table.ts";

/**
 * Takes the data folder for this process. A lock whose owner is gone is taken over.
 * @throws Failure when another instance runs on it
 * @returns a function that gives it back
 */
export async function lockDataFolder(dataDir: string): Promise<() => Promise<void>> {
  const file = join(dataDir, "lock");
  const own = join(dataDir, `lock.${process.pid}`);
  await writeFile(own, JSON.stringify(await identify(process.pid)));
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        // A link appears whole or not at all, and never over another one.
        await link(own, file);
        return () => rm(file, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const owner = await readOwner(file);
      if (owner && (await isAlive(owner))) {
        const shown = relative(process.cwd(), dataDir) || dataDir;
        throw new Failure(
          `AIForge is already running on ${shown} (process ${owner.pid}); stop it, or set AIFORGE_DATA and the ports to run another one.`,
        );
      }
      await rm(file, { force: true });
    }
    throw new Failure(`The lock ${file} cannot be taken; remove it if nothing runs on that folder.`);
  } finally {
    await rm(own, { force: true });
  }
}

async function readOwner(file: string): Promise<ProcessIdentity | null> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    return null;
  }
}

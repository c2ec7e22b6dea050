import { randomUUID } from "node:crypto";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Nobody writes a small file for so long. */
const LEFT_MS = 3_600_000;
const UNFINISHED = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Writes a small file for this user alone, whole or not at all, and on the disk when this returns. What an earlier
 * process left unfinished is removed: of this file, or of any whose name begins with `family`.
 */
export async function writeWhole(path: string, text: string, family = `${basename(path)}.`): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  const folder = dirname(path);
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(family) || !UNFINISHED.test(name)) continue;
    const written = await stat(join(folder, name)).catch(() => null);
    if (written && Date.now() - written.mtimeMs > LEFT_MS)
      await rm(join(folder, name), { force: true }).catch(() => {});
  }
}

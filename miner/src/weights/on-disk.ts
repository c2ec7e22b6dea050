import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** The fetched weights of a data folder: how many files, and their bytes. */
export async function weightsOnDisk(dataDir: string): Promise<{ files: number; bytes: number }> {
  const folder = join(dataDir, "weights");
  const names = (await readdir(folder).catch((): string[] => [])).filter((file) => file.endsWith(".gguf"));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return { files: names.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

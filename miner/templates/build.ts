import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * The fine-tune template as the one file that a job gets: `npm run build:templates -w miner` writes it after a
 * change in `fine-tune/src`. It is committed, so that nothing has to be built to start the house.
 */
export const FINE_TUNE = fileURLToPath(new URL("./fine-tune/main.mjs", import.meta.url));

const HEADER = `// Made from src/ by \`npm run build:templates -w miner\`; change it there.
// biome-ignore-all lint: made by esbuild
// biome-ignore-all format: made by esbuild
// biome-ignore-all assist: made by esbuild
`;

/** The text of `fine-tune/main.mjs`, readable and with its comments. */
export async function bundleFineTune(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL("./fine-tune/", import.meta.url)),
    entryPoints: ["src/main.mjs"],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node24",
    charset: "utf8",
    banner: { js: HEADER },
  });
  return outputFiles[0]!.text;
}

if (import.meta.main) await writeFile(FINE_TUNE, await bundleFineTune());

import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "./errors.mjs";
import { readSettings } from "./settings.mjs";
import { fineTune } from "./train.mjs";

/** Bytes; all of it is held in memory. */
const MAX_DATA = 16 * 1024 * 1024;
const input = process.env.AIFORGE_INPUT ?? "/in";
const output = process.env.AIFORGE_OUTPUT ?? "/out";

/** @param {string} name @param {number} limit */
async function read(name, limit) {
  const path = join(input, name);
  try {
    const { size } = await stat(path);
    if (size > limit) throw new InputError(`${name} has ${size} bytes; at most ${limit} can be used.`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`There is no ${path} to read.`, `Give the job an input at the path ${name}.`);
  }
}

/** Whole or not at all: a reader never sees half a file. @param {string} name @param {Uint8Array | string} content */
async function write(name, content) {
  const path = join(output, name);
  await writeFile(`${path}.part`, content);
  await rename(`${path}.part`, path);
}

const abort = new AbortController();
for (const signal of /** @type {const} */ (["SIGTERM", "SIGINT"])) process.on(signal, () => abort.abort());
const log = (/** @type {string} */ line) => console.log(line);

try {
  const settings = readSettings(process.env);
  const [model, data] = [await read("model.gguf", 2 ** 31), await read("data.jsonl", MAX_DATA)];
  const progress = (/** @type {number} */ share) => log(`AIFORGE_PROGRESS ${share.toFixed(3)}`);
  const { file, metrics } = await fineTune({ model, data, settings, signal: abort.signal, log, progress });
  await write("model.gguf", file);
  await write("metrics.json", `${JSON.stringify(metrics, null, 1)}\n`);
  log(`Wrote model.gguf (${file.length} bytes) and metrics.json in ${metrics.seconds} s.`);
  process.exitCode = abort.signal.aborted ? 143 : 0;
} catch (error) {
  if (error instanceof InputError) console.error(error.message);
  else if (error instanceof RangeError && /memory|allocation/i.test(error.message))
    console.error(`The memory is too small for this model and batch: ${error.message}`);
  else console.error(error);
  process.exitCode = error instanceof InputError ? 2 : 1;
}

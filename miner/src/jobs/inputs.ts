import { chmod, type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { jobPathProblem } from "@aiforge/contracts";
import { backoffDelay } from "../backoff.ts";
import { describe, MinerError } from "../errors.ts";
import { type Cut, download } from "../weights/download.ts";
import { fingerprint } from "../weights/fingerprint.ts";
import { JobError, type Work } from "./protocol.ts";

export interface InputParameters {
  inputs: Work["inputs"];
  /** Becomes `/in`. */
  folder: string;
  apiUrl: string;
  /** The node's token at this moment. */
  token: () => string | null;
  /** Ends the patience. */
  signal: AbortSignal;
  /** Told of each cut after which it goes on. */
  onCut?: (path: string, cut: Cut) => void;
  backoffBaseMs?: number;
}

/**
 * Fetches the inputs of a job; each is checked by its CID as it streams to the disk.
 * @throws JobError input_missing when one is not to be had or is not what it should be
 */
export async function fetchInputs(parameters: InputParameters): Promise<void> {
  const { folder, inputs } = parameters;
  await mkdir(folder, { recursive: true, mode: 0o755 });
  for (const input of inputs) {
    // The API checks this too; here it keeps files inside the folder.
    const problem = jobPathProblem(input.path);
    if (problem) throw new JobError("input_missing", `The input's path ${problem}.`);
    await fetchInput(input, join(folder, input.path), parameters);
  }
}

async function fetchInput(input: Work["inputs"][number], path: string, parameters: InputParameters) {
  const { signal, backoffBaseMs = 1_000 } = parameters;
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  for (let failures = 1; ; failures++) {
    // Whoever sent wrong bytes may have been cut off: once more, from the start.
    const file = await open(path, "w", 0o644);
    try {
      const found = await fingerprint(written(stream(input, parameters), file));
      if (found.cid !== input.cid) throw new MinerError(`it has the CID ${found.cid}`);
      await chmod(path, 0o444);
      return;
    } catch (error) {
      signal.throwIfAborted();
      const retryable = error instanceof MinerError && error.retryable;
      if (!retryable && failures >= 2)
        throw new JobError("input_missing", `The input ${input.path} is not to be had: ${describe(error)}.`, {
          cause: error,
        });
    } finally {
      await file.close();
    }
    await sleep(backoffDelay(failures, { baseMs: backoffBaseMs }), undefined, { signal });
  }
}

function stream(
  { path, url, size }: Work["inputs"][number],
  parameters: InputParameters,
): AsyncIterable<Uint8Array> {
  const { apiUrl, onCut, signal, backoffBaseMs } = parameters;
  const source = new URL(url, apiUrl);
  // The token is for the API alone.
  const token = source.origin === new URL(apiUrl).origin ? parameters.token() : null;
  return download({
    url: source,
    token,
    offset: 0,
    size,
    signal,
    what: "bytes of the input",
    onCut: (cut) => onCut?.(path, cut),
    ...(backoffBaseMs === undefined ? {} : { backoffBaseMs }),
  });
}

async function* written(source: AsyncIterable<Uint8Array>, file: FileHandle): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    await file.appendFile(chunk);
    yield chunk;
  }
}

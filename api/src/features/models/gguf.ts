import { Worker } from "node:worker_threads";
import type { GgufFacts } from "./schema.ts";

/** What the worker answers. */
export type GgufAnswer = { facts: GgufFacts } | { fault: string };

/** The file is not what it claims to be; the message is for whoever uploaded it. */
export class NotGgufError extends Error {}

const TIMEOUT_MS = 60_000;

/**
 * Reads the header of a GGUF file. It is read in a worker with a memory limit and a time limit of its own, so that
 * a hostile header costs its uploader an error and nobody else anything.
 * @throws NotGgufError
 */
export async function readGguf(path: string): Promise<GgufFacts> {
  const worker = new Worker(new URL("./gguf-worker.ts", import.meta.url), {
    workerData: path,
    resourceLimits: { maxOldGenerationSizeMb: 512 },
    execArgv: [],
  });
  try {
    const answer = await new Promise<GgufAnswer>((resolve, reject) => {
      const limit = setTimeout(() => resolve({ fault: "Its header takes too long to read." }), TIMEOUT_MS);
      limit.unref();
      worker.once("message", resolve);
      worker.once("error", (error: Error & { code?: string }) => {
        if (error.code === "ERR_WORKER_OUT_OF_MEMORY") resolve({ fault: "Its header is too large." });
        else reject(error);
      });
    });
    if ("fault" in answer) throw new NotGgufError(`This is not a usable GGUF file. ${answer.fault}`);
    return answer.facts;
  } finally {
    await worker.terminate();
  }
}

import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Hex } from "viem";
import { type OpenResult, openResultSchema } from "../node-api.ts";
import { writeWhole } from "../write-whole.ts";
import type { Work } from "./protocol.ts";

/**
 * What this node submitted with its own wallet, or tried to, one file for each result in `results/`: with it a result
 * that nobody disputes can be released, whether the platform is there or not. Of two results for one job both stay, as
 * the transaction of the first may be mined after all.
 */
export class Results {
  readonly #dir: string;

  constructor(dataDir: string) {
    this.#dir = join(dataDir, "results");
  }

  /** On the disk before it is on chain, so that no result there is without it. */
  async keep(work: Work, result: Hex): Promise<void> {
    const { job, onchainId, assignment } = work;
    const kept: OpenResult = {
      chain: assignment.chain,
      onchainId,
      name: null,
      status: "submitted",
      since: new Date().toISOString(),
      job,
      submission: { node: assignment.node, payee: assignment.payee, result },
    };
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const file = join(this.#dir, `${onchainId}.${result}.json`.toLowerCase());
    await writeWhole(file, JSON.stringify(kept), "0x");
  }

  async all(): Promise<OpenResult[]> {
    const all = await Promise.all(
      (await this.#names())
        .filter((name) => /^0x[0-9a-f]{64}\.0x[0-9a-f]{64}\.json$/.test(name))
        .map(async (name) => {
          try {
            return [openResultSchema.parse(JSON.parse(await readFile(join(this.#dir, name), "utf8")))];
          } catch {
            return [];
          }
        }),
    );
    return all.flat();
  }

  /** It was paid, refunded or resolved, in a block that stays. */
  async forget(onchainId: Hex): Promise<void> {
    const names = (await this.#names()).filter((name) => name.startsWith(`${onchainId.toLowerCase()}.`));
    for (const name of names) await rm(join(this.#dir, name), { force: true });
  }

  #names(): Promise<string[]> {
    return readdir(this.#dir).catch(() => []);
  }
}

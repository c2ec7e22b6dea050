import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Address, type Hex, isAddress } from "viem";
import { z } from "zod";
import { openResultSchema } from "../node-api.ts";
import { writeWhole } from "../write-whole.ts";
import type { Work } from "./protocol.ts";

/** With the contract it was submitted to, which older files do not name. Never of the API's: it could name any. */
const keptSchema = openResultSchema.extend({
  aiforge: z
    .string()
    .refine((text): text is Address => isAddress(text, { strict: false }))
    .optional(),
});
export type KeptResult = z.infer<typeof keptSchema>;

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
  async keep(work: Work, result: Hex, aiforge: Address): Promise<void> {
    const { job, onchainId, assignment } = work;
    const kept: KeptResult = {
      chain: assignment.chain,
      aiforge,
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

  async all(): Promise<KeptResult[]> {
    const all = await Promise.all(
      (await this.#names())
        .filter((name) => /^0x[0-9a-f]{64}\.0x[0-9a-f]{64}\.json$/.test(name))
        .map(async (name) => {
          try {
            return [keptSchema.parse(JSON.parse(await readFile(join(this.#dir, name), "utf8")))];
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

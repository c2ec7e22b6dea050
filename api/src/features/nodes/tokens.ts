import { createHash } from "node:crypto";
import { Grouped } from "../../core/grouped.ts";
import type { Bus } from "../../db/bus.ts";
import type { Database } from "../../db/client.ts";
import { type KnownNode, nodesByTokenHash } from "./queries-fleet.ts";

/** Milliseconds for which a token that was read is believed: while other instances can tell of a change, and else. */
const FRESH_MS = { told: 120_000, alone: 10_000 };
const MAX_CACHED = 50_000;

/** As a token is kept: a sha-256 in hexadecimal. */
export const tokenHashOf = (token: string): string => createHash("sha256").update(token).digest("hex");

/** Knows the nodes behind tokens on the hot path: all that are asked for at a time are read in one query. */
export class NodeTokens {
  readonly #cached = new Map<string, { node: KnownNode; at: number }>();
  /** Token hashes by node, to forget them. */
  readonly #hashes = new Map<string, string>();
  readonly #reads: Grouped<string, KnownNode | undefined>;
  /** Counts what was forgotten: a read that began before that is not kept. */
  #forgotten = 0;

  readonly #bus: Pick<Bus, "listening">;

  constructor(db: Database, bus: Bus) {
    this.#bus = bus;
    // What changed while nobody listened was not heard.
    bus.onBegin(() => this.#clear());
    this.#reads = new Grouped(
      async (hashes) => {
        const found = await nodesByTokenHash(db, hashes);
        return hashes.map((hash) => found.get(hash));
      },
      { gatherMs: 1, max: 500 },
    );
  }

  /** The node with a token of that sha-256, as it is, or was at most ten seconds ago; of an unknown one nothing is kept. */
  async find(tokenHash: string): Promise<KnownNode | undefined> {
    const known = this.#cached.get(tokenHash);
    const fresh = this.#bus.listening ? FRESH_MS.told : FRESH_MS.alone;
    if (known && Date.now() - known.at < fresh) return known.node;
    const { at, forgotten } = { at: Date.now(), forgotten: this.#forgotten };
    const node = await this.#reads.ask(tokenHash);
    if (!node) {
      this.#cached.delete(tokenHash);
    } else if (forgotten === this.#forgotten) {
      if (this.#cached.size >= MAX_CACHED) this.#clear();
      this.#cached.set(tokenHash, { node, at });
      this.#hashes.set(node.id, tokenHash);
    }
    return node;
  }

  /** Forgets a node: it registered again, was deactivated, or another process speaks for it now. */
  forget(nodeId: string): void {
    this.#forgotten++;
    const hash = this.#hashes.get(nodeId);
    if (hash) this.#cached.delete(hash);
    this.#hashes.delete(nodeId);
  }

  #clear(): void {
    this.#forgotten++;
    this.#cached.clear();
    this.#hashes.clear();
  }
}

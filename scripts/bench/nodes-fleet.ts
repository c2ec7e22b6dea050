import { type Client, type Load, openLoop } from "./nodes-load.ts";
import { figures, probeOutput } from "./nodes-peers.ts";
import { tokenOf, type World } from "./nodes-world.ts";

/** Nodes that have no WebSocket. */
export class HttpFleet {
  readonly #client: Client;
  /** By node: the last beat that was acknowledged; its number is in the figures. */
  #acknowledged = new Map<number, number>();
  #beat = 0;
  #poll = 0;
  readonly #nodes: number;
  /** Requests a second: each node beats every 30 s and polls every 10 s. */
  readonly beats: number;
  readonly polls: number;
  /** Container probes that were answered. */
  probes = 0;

  constructor(client: Client, nodes: number) {
    this.#client = client;
    this.#nodes = nodes;
    this.beats = nodes / 30;
    this.polls = nodes / 10;
  }

  async run(ms: number): Promise<{ beats: Load; polls: Load }> {
    const [beats, polls] = await Promise.all([
      openLoop(this.beats, ms, () => this.#sendBeat()),
      openLoop(this.polls, ms, () => this.#sendPoll()),
    ]);
    return { beats, polls };
  }

  /** Beats that were acknowledged and are not what is stored. */
  async notStored({ database }: World): Promise<number> {
    const { rows } = await database.query<{ hash: string; active: number }>(
      "SELECT name AS hash, (figures->>'active')::int AS active FROM app.nodes",
    );
    const stored = new Map(rows.map(({ hash, active }) => [hash, active]));
    return [...this.#acknowledged].filter(([at, active]) => stored.get(`bench ${at}`) !== active).length;
  }

  async #sendBeat(): Promise<boolean> {
    const number = ++this.#beat;
    const at = number % this.#nodes;
    const body = { ...figures(number), models: [], attempts: [] };
    const { status } = await this.#client.call("POST", "/api/nodes/heartbeat", tokenOf(at), body);
    if (status === 200) this.#acknowledged.set(at, number);
    return status === 200;
  }

  async #sendPoll(): Promise<boolean> {
    // Not in step with the beats.
    const at = (++this.#poll * 7) % this.#nodes;
    const { status, body } = await this.#client.call("GET", "/api/nodes/work", tokenOf(at));
    if (status !== 200) return false;
    const { probe } = JSON.parse(body) as { probe: { id: string; nonce: string } | null };
    if (probe) {
      const answer = { ok: true, output: probeOutput(probe.nonce), ms: 1 };
      await this.#client.call("POST", `/api/nodes/probes/${probe.id}`, tokenOf(at), answer);
      this.probes += 1;
    }
    return true;
  }
}

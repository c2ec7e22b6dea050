import { z } from "zod";
import type { Config } from "./config.ts";
import { describe, MinerError } from "./errors.ts";
import { TokenStore } from "./identity.ts";

/** What the operator's commands ask the API; parsed with schemas that are wider than the API's own. */

const ASK_MS = 20_000;
const errorSchema = z.object({ error: z.object({ message: z.string(), hint: z.string().nullish() }) });

export const healthSchema = z.object({
  status: z.string(),
  version: z.string().optional(),
  dependencies: z.record(z.string(), z.object({ state: z.string(), detail: z.string() })).default({}),
});

const chainsSchema = z.object({
  chains: z.array(
    z.object({
      chain: z.string(),
      chainId: z.number(),
      name: z.string(),
      rpcUrl: z.string(),
      aiforge: z.string(),
      explorer: z.string().nullish(),
    }),
  ),
});
export type ListedChain = z.infer<typeof chainsSchema>["chains"][number];

const selfSchema = z.object({
  id: z.string(),
  name: z.string(),
  address: z.string(),
  status: z.string(),
  models: z.array(z.object({ modelId: z.string(), state: z.string() })).default([]),
  offered: z.array(z.string()).default([]),
  jobs: z.object({ enabled: z.boolean(), concurrency: z.number() }).nullish(),
  draining: z.boolean().default(false),
  runningJobs: z.number().default(0),
  reputation: z.object({ completed: z.number(), failed: z.number(), score: z.number() }),
  deactivated: z.object({ at: z.string(), reason: z.string() }).nullish(),
  lastHeartbeatAt: z.string().nullish(),
  verifiedAt: z.string().nullish(),
  history: z
    .array(z.object({ at: z.string(), kind: z.string(), ok: z.boolean(), detail: z.string().nullish() }))
    .default([]),
  earned: z.string(),
  recentJobs: z
    .array(
      z.object({
        jobId: z.string(),
        name: z.string(),
        state: z.string(),
        jobState: z.string(),
        price: z.string(),
        assignedAt: z.string(),
      }),
    )
    .default([]),
});
/** The node as the API sees it. */
export type NodeSelf = z.infer<typeof selfSchema>;

const hex = z.custom<`0x${string}`>((text) => typeof text === "string" && /^0x[0-9a-fA-F]*$/.test(text));
export const openResultSchema = z.object({
  chain: z.string(),
  onchainId: hex,
  name: z.string().nullable(),
  status: z.string(),
  since: z.string(),
  job: z.object({
    client: hex,
    account: hex,
    specification: hex,
    price: z.string().regex(/^\d+$/),
    deadline: z.number(),
    salt: hex,
  }),
  submission: z.object({ node: hex, payee: hex, result: hex }),
});
const earningsSchema = z.object({
  address: z.string(),
  total: z.string(),
  days: z.array(z.object({ day: z.string(), jobs: z.number(), paid: z.string() })),
  payments: z.array(
    z.object({
      at: z.string(),
      chain: z.string(),
      onchainId: hex,
      name: z.string().nullable(),
      amount: z.string(),
      fee: z.string(),
      txHash: hex,
    }),
  ),
  open: z.array(openResultSchema),
});
export type NodeEarnings = z.infer<typeof earningsSchema>;
export type OpenResult = NodeEarnings["open"][number];

/** The API for one node's operator. */
export class NodeApi {
  readonly url: string;
  readonly #token: () => Promise<string | null>;

  /** @param address the node's wallet, whose token is used where one is needed */
  constructor({ apiUrl, dataDir }: Pick<Config, "apiUrl" | "dataDir">, address: string | null) {
    this.url = apiUrl;
    this.#token = async () => (address === null ? null : new TokenStore(dataDir, apiUrl, address).read());
  }

  async chains(): Promise<ListedChain[]> {
    return (await this.#get("/api/chains", chainsSchema)).chains;
  }

  /** @throws MinerError when this node is not registered, or its token is refused */
  async self(): Promise<NodeSelf> {
    return this.#get("/api/nodes/self", selfSchema, true);
  }

  /** @param days how far back, today included */
  async earnings(days: number): Promise<NodeEarnings> {
    return this.#get(`/api/nodes/self/earnings?days=${days}`, earningsSchema, true);
  }

  async #get<T>(path: string, schema: z.ZodType<T>, own = false): Promise<T> {
    const headers: Record<string, string> = {};
    if (own) {
      const token = await this.#token();
      if (token === null)
        throw new MinerError("This node is not registered yet.", {
          hint: "aiforge-miner start registers it.",
        });
      headers.authorization = `Bearer ${token}`;
    }
    let response: Response;
    let body: unknown;
    try {
      response = await fetch(new URL(path, this.url), { headers, signal: AbortSignal.timeout(ASK_MS) });
      body = await response.json().catch(() => null);
    } catch (error) {
      throw new MinerError(`The API at ${this.url} cannot be reached: ${describe(error)}.`, {
        retryable: true,
        cause: error,
      });
    }
    const parsed = schema.safeParse(body);
    if (response.ok && parsed.success) return parsed.data;
    const { data } = errorSchema.safeParse(body);
    throw new MinerError(
      data
        ? `The API answered ${response.status}: ${data.error.message}`
        : `${this.url} is no AIForge API that this version understands (status ${response.status}).`,
      data?.error.hint ? { hint: data.error.hint } : {},
    );
  }
}

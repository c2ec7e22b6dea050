import {
  createClient,
  createConfig,
  createNodeAuthMessage,
  type JobCapability,
  registerNode,
} from "@aiforge/api/client";
import type { LocalAccount } from "viem";
import { parseSiweMessage } from "viem/siwe";
import { z } from "zod";
import { describe, MinerError } from "./errors.ts";
import type { MachineFigures } from "./protocol.ts";

/** What a node tells about itself when it registers. */
export interface Capabilities extends MachineFigures {
  version: string;
  platform: string;
  engine: string;
  /** Generations at a time. */
  capacity: number;
  /** What it offers to jobs. */
  jobs: JobCapability;
}

export interface RegisterParameters {
  apiUrl: string;
  account: LocalAccount;
  name: string;
  capabilities: Capabilities;
  invite?: string | null;
  signal?: AbortSignal;
}

/** How the message (EIP-4361) that registers a node begins; nothing else is signed. */
const STATEMENT = "Register a node of AIForge";

const messageSchema = z.object({ message: z.string().min(1) });
const registeredSchema = z.object({ node: z.object({ id: z.string() }), token: z.string().min(1) });
const errorSchema = z.object({ error: z.object({ message: z.string(), hint: z.string().nullish() }) });

/**
 * Registers this node: asks for a message, signs it with the wallet, hands both back.
 * @returns the node's id and its token, which the API shows only now
 * @throws MinerError; retryable when the API is away, overloaded or failing
 */
export async function register(parameters: RegisterParameters): Promise<{ nodeId: string; token: string }> {
  const { apiUrl, account, name, capabilities } = parameters;
  const timeout = AbortSignal.timeout(30_000);
  const signal = parameters.signal ? AbortSignal.any([parameters.signal, timeout]) : timeout;
  const client = createClient(createConfig({ baseUrl: apiUrl }));
  const asked = await createNodeAuthMessage({ client, signal, body: { address: account.address } });
  const { message } = answer(apiUrl, asked, messageSchema);
  // A signature is an authority: over another site's message, or AIForge's own for signing in, it would hand out the
  // wallet's account there.
  const { address, statement } = parseSiweMessage(message);
  if (address?.toLowerCase() !== account.address.toLowerCase() || !statement?.startsWith(STATEMENT))
    throw new MinerError(
      "The API asked for a signature over something else than registering this wallet's node.",
    );
  const signature = await account.signMessage({ message });
  const { invite } = parameters;
  const body = { message, signature, name, capabilities: { ...capabilities }, ...(invite ? { invite } : {}) };
  const { node, token } = answer(apiUrl, await registerNode({ client, signal, body }), registeredSchema);
  return { nodeId: node.id, token };
}

/** The data of an answer, or the error that it stands for. The client returns both instead of throwing. */
function answer<T>(
  apiUrl: string,
  { data, error, response }: { data?: unknown; error?: unknown; response?: Response },
  schema: z.ZodType<T>,
): T {
  if (response === undefined)
    throw new MinerError(`The API at ${apiUrl} cannot be reached: ${describe(error)}.`, {
      retryable: true,
      cause: error,
    });
  const { status } = response;
  if (!response.ok) {
    const retryable = status >= 500 || status === 429 || status === 408;
    throw new MinerError(`The API answered ${status}: ${explain(error)}`, { retryable });
  }
  // The types are the client's; that it is an AIForge API which answers is not certain.
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw new MinerError("The API's answer is not one this version understands.", {
    hint: "Is --api-url the address of an AIForge API, and is this node up to date?",
  });
}

function explain(error: unknown): string {
  const body = errorSchema.safeParse(error);
  if (!body.success) return typeof error === "string" && error ? error.slice(0, 200) : "no explanation";
  const { message, hint } = body.data.error;
  return hint ? `${message} ${hint}` : message;
}

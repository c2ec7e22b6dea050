import type { PrivateKeyAccount } from "viem/accounts";
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
}

export interface RegisterParameters {
  apiUrl: string;
  account: PrivateKeyAccount;
  name: string;
  capabilities: Capabilities;
  signal?: AbortSignal;
}

const messageSchema = z.object({ message: z.string().min(1) });
const registeredSchema = z.object({ node: z.object({ id: z.string() }), token: z.string().min(1) });
const errorSchema = z.object({ error: z.object({ message: z.string(), hint: z.string().nullish() }) });

/**
 * Registers this node: asks for a message, signs it with the wallet, hands both back.
 * @returns the node's id and its token, which the API shows only now
 * @throws MinerError; retryable when the API is away, overloaded or failing
 */
export async function register(parameters: RegisterParameters): Promise<{ nodeId: string; token: string }> {
  const { apiUrl, account, name, capabilities, signal } = parameters;
  const { message } = await post(
    apiUrl,
    "/api/nodes/auth-message",
    { address: account.address },
    signal,
  ).then(parse(messageSchema));
  // A signature is an authority. Sign nothing but a text that says it is for this node's own address.
  if (!message.toLowerCase().includes(account.address.toLowerCase()))
    throw new MinerError("The API asked for a signature over a message that does not name this wallet.");
  const signature = await account.signMessage({ message });
  const { node, token } = await post(
    apiUrl,
    "/api/nodes/register",
    { message, signature, name, capabilities },
    signal,
  ).then(parse(registeredSchema));
  return { nodeId: node.id, token };
}

function parse<T>(schema: z.ZodType<T>): (body: unknown) => T {
  return (body) => {
    const result = schema.safeParse(body);
    if (result.success) return result.data;
    throw new MinerError("The API's answer is not one this version understands.", {
      hint: "Is --api-url the address of an AIForge API, and is this node up to date?",
    });
  };
}

async function post(apiUrl: string, path: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
  const url = new URL(path, apiUrl);
  const timeout = AbortSignal.timeout(30_000);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    text = await response.text();
  } catch (error) {
    throw new MinerError(`The API at ${url.origin} cannot be reached: ${describe(error)}.`, {
      retryable: true,
      cause: error,
    });
  }
  if (response.ok) {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }
  const retryable = response.status >= 500 || response.status === 429 || response.status === 408;
  throw new MinerError(`The API answered ${response.status} to ${path}: ${explain(text)}`, { retryable });
}

function explain(text: string): string {
  try {
    const { error } = errorSchema.parse(JSON.parse(text));
    return error.hint ? `${error.message} ${error.hint}` : error.message;
  } catch {
    return text.slice(0, 200) || "no explanation";
  }
}

import { randomUUID } from "node:crypto";
import type { Deps } from "../../deps.ts";
import type { UsageOutcome } from "../keys/schema.ts";
import { wasServed } from "../models/version-queries.ts";
import { InferenceError } from "../nodes/errors.ts";
import type { InferenceEvent } from "../nodes/inference.ts";
import type { TokenUsage } from "../nodes/protocol.ts";
import type { Settlement } from "../subscriptions/quota.ts";
import { type Admission, promptBound } from "./admission.ts";

export interface Caller {
  userId: string;
  /** Null for a call from the chat page. */
  keyId: string | null;
}

/**
 * Runs one chat completion that was admitted, and writes its usage row, which is durable before the last event is given
 * or the failure thrown; what was held of a plan's quota is settled with it. Aborting `signal` stops the node; read on
 * to the `done` that follows.
 * @throws InferenceError
 */
export async function* complete(
  deps: Deps,
  caller: Caller,
  admission: Admission,
  signal: AbortSignal,
): AsyncGenerator<InferenceEvent> {
  const { model, request, reservation } = admission;
  const startedAt = new Date();
  let firstTokenAt: Date | null = null;
  let pieces = 0;
  let bytes = 0;
  let nodeId: string | null = null;
  let { weightsCid } = model;
  let recorded = false;
  const settlement = (usage: TokenUsage | null): Settlement | null => {
    if (!reservation) return null;
    // No output, no charge. Where the engine did not say, each piece that came was one token at least.
    const tokens = usage ? usage.promptTokens + usage.completionTokens : Math.min(pieces, reservation.tokens);
    return { reservation, tokens: firstTokenAt ? tokens : 0, counts: firstTokenAt !== null };
  };
  const record = async (outcome: UsageOutcome, usage: TokenUsage | null, errorCode: string | null) => {
    recorded = true;
    const row = {
      id: randomUUID(),
      userId: caller.userId,
      keyId: caller.keyId,
      modelId: model.id,
      entitlement: admission.entitlement,
      plan: admission.plan,
      account: admission.account,
      weightsCid,
      nodeId,
      promptTokens: usage?.promptTokens ?? null,
      completionTokens: usage?.completionTokens ?? null,
      // Whoever may call has paid for the month or owns the model: tokens cost nothing on top.
      price: 0n,
      outcome,
      errorCode,
      startedAt,
      firstTokenAt,
      endedAt: new Date(),
    };
    await deps.gateway.usage.append(row, settlement(usage));
  };
  if (reservation) deps.gateway.reservations.keep(reservation);
  try {
    for await (const event of deps.nodes.infer({ modelId: model.id, request }, { signal })) {
      if (event.type === "start") {
        nodeId = event.nodeId;
        weightsCid = await answeredWith(deps, model, event.weightsCid);
      }
      if (event.type === "delta") {
        firstTokenAt ??= new Date();
        pieces += 1;
        bytes += Buffer.byteLength(event.text);
      }
      if (event.type !== "done") {
        yield event;
        continue;
      }
      const usage =
        event.usage && reservation
          ? believable(event.usage, {
              prompt: promptBound(request),
              answer: bytes + UNSEEN,
              all: reservation.tokens,
            })
          : event.usage;
      const delivered = firstTokenAt ? "served" : "idle";
      await record(event.finishReason === "cancelled" ? "cancelled" : delivered, usage, null);
      yield { ...event, usage };
    }
  } catch (error) {
    const code = error instanceof InferenceError ? error.code : "internal";
    if (!recorded) await record(firstTokenAt ? "partial" : "failed", null, code);
    throw error;
  } finally {
    try {
      if (!recorded) await record("cancelled", null, null);
    } finally {
      if (reservation) deps.gateway.reservations.drop(reservation);
    }
  }
}

/**
 * The weights that a receipt names: the served ones, unless the node says that it answers with others that were served,
 * as while it fetches a new version. Null when it names any other.
 */
async function answeredWith(
  { db }: Deps,
  { id, weightsCid }: Admission["model"],
  said: string | null,
): Promise<string | null> {
  if (said === null || said === weightsCid) return weightsCid;
  return (await wasServed(db, id, said)) ? said : null;
}

/** Tokens of an answer that are not text: its end, and what a stop sequence cut off. */
const UNSEEN = 32;

/**
 * Nodes are anybody's, and what they report shares the creators' pool: no more is believed than the messages can have
 * been, than the text that came can have been, and than was granted. A token of text is a byte at least.
 */
function believable(
  { promptTokens, completionTokens }: TokenUsage,
  most: { prompt: number; answer: number; all: number },
): TokenUsage {
  const prompt = Math.min(promptTokens, most.prompt, most.all);
  return {
    promptTokens: prompt,
    completionTokens: Math.min(completionTokens, most.answer, most.all - prompt),
  };
}

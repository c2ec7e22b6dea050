import { randomUUID } from "node:crypto";
import type { Deps } from "../../deps.ts";
import type { UsageOutcome } from "../keys/schema.ts";
import { InferenceError } from "../nodes/errors.ts";
import type { InferenceEvent } from "../nodes/inference.ts";
import type { InferenceRequest, TokenUsage } from "../nodes/protocol.ts";
import type { ServedModel } from "./queries.ts";

export interface Caller {
  userId: string;
  /** Null for a call from the chat page. */
  keyId: string | null;
}

/**
 * Runs one chat completion of a caller who may have it, and writes its usage row, which is durable before the last
 * event is given or the failure thrown. Aborting `signal` stops the node; read on to the `done` that follows.
 * @throws InferenceError
 */
export async function* complete(
  deps: Deps,
  caller: Caller,
  { model, request }: { model: ServedModel; request: InferenceRequest },
  signal: AbortSignal,
): AsyncGenerator<InferenceEvent> {
  const startedAt = new Date();
  let firstTokenAt: Date | null = null;
  let nodeId: string | null = null;
  let recorded = false;
  const record = async (outcome: UsageOutcome, usage: TokenUsage | null, errorCode: string | null) => {
    recorded = true;
    await deps.gateway.usage.append({
      id: randomUUID(),
      userId: caller.userId,
      keyId: caller.keyId,
      modelId: model.id,
      weightsCid: model.weightsCid,
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
    });
  };
  try {
    for await (const event of deps.nodes.infer({ modelId: model.id, request }, { signal })) {
      if (event.type === "start") nodeId = event.nodeId;
      if (event.type === "delta") firstTokenAt ??= new Date();
      if (event.type === "done") {
        const delivered = firstTokenAt ? "served" : "idle";
        await record(event.finishReason === "cancelled" ? "cancelled" : delivered, event.usage, null);
      }
      yield event;
    }
  } catch (error) {
    const code = error instanceof InferenceError ? error.code : "internal";
    if (!recorded) await record(firstTokenAt ? "partial" : "failed", null, code);
    throw error;
  } finally {
    if (!recorded) await record("cancelled", null, null);
  }
}

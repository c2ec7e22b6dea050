import { randomUUID } from "node:crypto";
import { toAppError } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import { requireAccess } from "../gateway/access.ts";
import { inferenceAppError } from "../gateway/errors.ts";
import type { ServedModel } from "../gateway/queries.ts";
import { complete } from "../gateway/service.ts";
import { InferenceError } from "../nodes/errors.ts";
import type { InferenceEvent } from "../nodes/inference.ts";
import type { InferenceRequest, TokenUsage } from "../nodes/protocol.ts";
import { alreadyAnswering } from "./errors.ts";
import { answeredTurns, answerTokens, fitTurns, promptBudget } from "./prompt.ts";
import * as queries from "./queries.ts";
import type { MessageFinish } from "./schema.ts";
import { conversationOf } from "./service.ts";
import type { ChatEvent } from "./shapes.ts";

const TEMPERATURE = 0.5;
const TITLE_LENGTH = 60;
/** A claim outlives a crashed instance by this long at most; it is renewed at a third of it. */
const CLAIM_SECONDS = 45;

/**
 * Sends a message and gives the answer's events. The message is stored at once, the answer when it ends: whole,
 * stopped by its reader (abort `signal`) or broken off. What is checked before the first event is thrown.
 * @throws AppError `not_found` (404), `insufficient_quota` (402), `already_answering` (409)
 */
export async function sendMessage(
  deps: Deps,
  userId: string,
  conversationId: string,
  content: string,
  signal: AbortSignal,
): Promise<AsyncGenerator<ChatEvent>> {
  const conversation = await conversationOf(deps, userId, conversationId);
  const model = await requireAccess(deps, userId, conversation.modelId);
  if (!(await queries.claimAnswer(deps.db, conversationId, CLAIM_SECONDS))) throw alreadyAnswering();
  const ids = { userMessageId: randomUUID(), assistantMessageId: randomUUID() };
  try {
    await deps.db.transaction((tx) =>
      queries.appendMessage(tx, {
        id: ids.userMessageId,
        conversationId,
        role: "user",
        content,
        title: titleOf(content),
      }),
    );
    const stored = await queries.messagesOf(deps.db, conversationId);
    const turns = answeredTurns(stored.map(({ role, content: text }) => ({ role, content: text })));
    return answer(deps, { userId, conversationId, model, turns, ids }, signal);
  } catch (error) {
    await queries.releaseClaim(deps.db, conversationId);
    throw error;
  }
}

interface Question {
  userId: string;
  conversationId: string;
  model: ServedModel;
  turns: InferenceRequest["messages"];
  ids: { userMessageId: string; assistantMessageId: string };
}

async function* answer(deps: Deps, question: Question, signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const { conversationId, ids } = question;
  const renewal = setInterval(
    () => {
      queries.extendClaim(deps.db, conversationId, CLAIM_SECONDS).catch(() => undefined);
    },
    (CLAIM_SECONDS * 1000) / 3,
  );
  let text = "";
  let saved = false;
  const save = async (finishReason: MessageFinish, usage: TokenUsage | null) => {
    saved = true;
    clearInterval(renewal);
    await deps.db.transaction(async (tx) => {
      if (text.length > 0 || finishReason === "stop" || finishReason === "length") {
        await queries.appendMessage(tx, {
          id: ids.assistantMessageId,
          conversationId,
          role: "assistant",
          content: text,
          finishReason,
          promptTokens: usage?.promptTokens ?? null,
          completionTokens: usage?.completionTokens ?? null,
        });
      }
      await queries.releaseClaim(tx, conversationId);
    });
  };
  try {
    yield { type: "start", ...ids };
    for await (const event of infer(deps, question, signal)) {
      if (event.type === "delta") {
        text += event.text;
        yield event;
      }
      if (event.type === "done" && event.finishReason === "cancelled") {
        await save("stopped", event.usage);
      } else if (event.type === "done") {
        const { finishReason, usage } = event;
        await save(finishReason === "length" ? "length" : "stop", usage);
        yield {
          type: "done",
          finishReason: finishReason === "length" ? "length" : "stop",
          usage: usage ?? { promptTokens: 0, completionTokens: 0 },
        };
      }
    }
  } catch (error) {
    deps.log.warn({ err: error, conversationId }, "An answer broke off.");
    if (!saved) await save("error", null);
    const { code, message } = toAppError(inferenceAppError(error));
    yield { type: "error", code, message };
  } finally {
    if (!saved) await save("stopped", null);
  }
}

/** Asks with as many of the newest turns as should fit, and with fewer when the engine says that they do not. */
async function* infer(
  deps: Deps,
  { userId, model, turns }: Question,
  signal: AbortSignal,
): AsyncGenerator<InferenceEvent> {
  let budget = promptBudget(model.contextLength);
  for (;;) {
    const messages = fitTurns(turns, budget);
    const request: InferenceRequest = {
      messages,
      maxTokens: answerTokens(model.contextLength),
      temperature: TEMPERATURE,
      topP: 1,
      stop: [],
      seed: null,
    };
    try {
      yield* complete(deps, { userId, keyId: null }, { model, request }, signal);
      return;
    } catch (error) {
      const tooLong = error instanceof InferenceError && error.code === "context_length_exceeded";
      if (!tooLong || messages.length === 1) throw error;
      budget = Math.floor(budget / 2);
    }
  }
}

function titleOf(content: string): string {
  const line = content.replace(/\s+/g, " ").trim();
  return line.length <= TITLE_LENGTH ? line : `${line.slice(0, TITLE_LENGTH - 1).trimEnd()}…`;
}

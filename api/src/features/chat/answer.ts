import { randomUUID } from "node:crypto";
import { toAppError } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import { type Access, requireAccess } from "../gateway/access.ts";
import { type Admission, admit } from "../gateway/admission.ts";
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
 * @throws AppError `not_found` (404), `insufficient_quota` (402), `already_answering` (409),
 *   `plan_requests_exhausted`, `plan_tokens_exhausted` (429)
 */
export async function sendMessage(
  deps: Deps,
  userId: string,
  conversationId: string,
  content: string,
  signal: AbortSignal,
): Promise<AsyncGenerator<ChatEvent>> {
  const conversation = await conversationOf(deps, userId, conversationId);
  const access = await requireAccess(deps, userId, conversation.modelId);
  if (!(await queries.claimAnswer(deps.db, conversationId, CLAIM_SECONDS))) throw alreadyAnswering();
  const ids = { userMessageId: randomUUID(), assistantMessageId: randomUUID() };
  let admission: Admission | undefined;
  try {
    const stored = (await queries.messagesOf(deps.db, conversationId)).map(({ role, content: text }) => ({
      role,
      content: text,
    }));
    const turns = answeredTurns([...stored, { role: "user", content }]);
    admission = await admit(
      deps,
      access,
      requestFor(access.model, turns, promptBudget(access.model.contextLength)),
    );
    await deps.db.transaction((tx) =>
      queries.appendMessage(tx, {
        id: ids.userMessageId,
        conversationId,
        role: "user",
        content,
        title: titleOf(content),
      }),
    );
    return answer(deps, { userId, conversationId, access, admission, turns, ids }, signal);
  } catch (error) {
    await queries.releaseClaim(deps.db, conversationId);
    if (admission?.reservation) await deps.gateway.reservations.release(admission.reservation);
    else deps.gateway.access.forget(userId, conversation.modelId);
    throw error;
  }
}

function requestFor(
  model: ServedModel,
  turns: InferenceRequest["messages"],
  budget: number,
): InferenceRequest {
  return {
    messages: fitTurns(turns, budget),
    maxTokens: answerTokens(model.contextLength),
    temperature: TEMPERATURE,
    topP: 1,
    stop: [],
    seed: null,
  };
}

interface Question {
  userId: string;
  conversationId: string;
  access: Access;
  /** Of the first attempt. */
  admission: Admission;
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
  { userId, access, admission: first, turns }: Question,
  signal: AbortSignal,
): AsyncGenerator<InferenceEvent> {
  let budget = promptBudget(access.model.contextLength);
  let admission = first;
  for (;;) {
    try {
      yield* complete(deps, { userId, keyId: null }, admission, signal);
      return;
    } catch (error) {
      const tooLong = error instanceof InferenceError && error.code === "context_length_exceeded";
      if (!tooLong || admission.request.messages.length === 1) throw error;
      budget = Math.floor(budget / 2);
      admission = await admit(deps, access, requestFor(access.model, turns, budget));
    }
  }
}

function titleOf(content: string): string {
  const line = content.replace(/\s+/g, " ").trim();
  return line.length <= TITLE_LENGTH ? line : `${line.slice(0, TITLE_LENGTH - 1).trimEnd()}…`;
}

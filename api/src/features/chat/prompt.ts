import type { InferenceRequest } from "../nodes/protocol.ts";

type Turn = InferenceRequest["messages"][number];

/** Of a model whose file does not tell its context, this many tokens are taken for granted. */
const DEFAULT_CONTEXT = 2048;
const MAX_ANSWER = 2048;
/** A token is rarely shorter than this many bytes of plain text; what a template adds comes on top. */
const BYTES_PER_TOKEN = 3;
const TEMPLATE_TOKENS = 8;

/** The most tokens that an answer may have: a third of the context, so that the conversation has room too. */
export function answerTokens(contextLength: number | null): number {
  return Math.min(MAX_ANSWER, Math.floor((contextLength ?? DEFAULT_CONTEXT) / 3));
}

/**
 * The newest turns that are likely to fit the model's context beside an answer, the last one always; the first of
 * them is a user's. The engine has the last word, so a caller may ask again for fewer tokens.
 * @param turns oldest first, the last one to be answered
 * @param budget tokens for all of them
 */
export function fitTurns(turns: readonly Turn[], budget: number): Turn[] {
  let left = budget;
  let first = turns.length - 1;
  for (let at = turns.length - 1; at >= 0; at--) {
    left -= estimateTokens(turns[at]!.content);
    if (left < 0 && at < turns.length - 1) break;
    first = at;
  }
  while (first < turns.length - 1 && turns[first]!.role !== "user") first++;
  return turns.slice(first);
}

export function promptBudget(contextLength: number | null): number {
  return (contextLength ?? DEFAULT_CONTEXT) - answerTokens(contextLength);
}

function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN) + TEMPLATE_TOKENS;
}

/**
 * A conversation without the questions that never got an answer (stopped or failed before the first word): models
 * are trained on turns that alternate, and a small one answers such a question in place of the newest.
 */
export function answeredTurns(turns: readonly Turn[]): Turn[] {
  return turns.filter(({ role }, at) => role !== "user" || turns[at + 1]?.role !== "user");
}

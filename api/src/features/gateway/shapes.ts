import { z } from "@hono/zod-openapi";
import type { InferenceRequest } from "../nodes/protocol.ts";
import { unsupported } from "./errors.ts";

/** Beyond any model's context: what is over it is a mistake. What is over the model's own context is cut to it. */
const MAX_TOKENS = 1_000_000;
const MAX_MESSAGES = 2_000;
const SEED = { min: -(2 ** 53) + 1, max: 2 ** 53 - 1 };

const textPart = z.object({ type: z.literal("text"), text: z.string() });
const content = z.union([z.string(), z.array(textPart).min(1)], {
  error: "must be a string or an array of text parts",
});
const message = z
  .discriminatedUnion(
    "role",
    [
      z.object({ role: z.literal("system"), content, name: z.string().optional() }),
      z.object({ role: z.literal("developer"), content, name: z.string().optional() }),
      z.object({ role: z.literal("user"), content, name: z.string().optional() }),
      z.object({ role: z.literal("assistant"), content: content.nullish(), name: z.string().optional() }),
    ],
    { error: "must be one of system, developer, user, assistant" },
  )
  .openapi("ChatCompletionMessage");

const maxTokens = z.number().int().min(1).max(MAX_TOKENS).nullish();

/** The part of OpenAI's request that means something here; other fields are ignored or refused by name. */
export const chatCompletionBody = z
  .object({
    model: z.string().min(1).max(200),
    messages: z.array(message).min(1).max(MAX_MESSAGES),
    stream: z.boolean().nullish(),
    stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
    max_tokens: maxTokens,
    max_completion_tokens: maxTokens,
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
    seed: z.number().int().min(SEED.min).max(SEED.max).nullish(),
    n: z.number().int().nullish(),
    presence_penalty: z.number().min(-2).max(2).nullish(),
    frequency_penalty: z.number().min(-2).max(2).nullish(),
    logprobs: z.boolean().nullish(),
    tools: z.array(z.unknown()).nullish(),
    functions: z.array(z.unknown()).nullish(),
    response_format: z.object({ type: z.string() }).nullish(),
  })
  .openapi("ChatCompletionRequest");
export type ChatCompletionBody = z.infer<typeof chatCompletionBody>;

/**
 * What a node is asked, from what a client asked.
 * @throws AppError `unsupported_parameter` (400): better refused than silently not done
 */
export function inferenceRequest(body: ChatCompletionBody, contextLength: number | null): InferenceRequest {
  if (body.n != null && body.n !== 1) throw unsupported("n", "Only n = 1 is supported.");
  if (body.presence_penalty) throw unsupported("presence_penalty", "presence_penalty is not supported.");
  if (body.frequency_penalty) throw unsupported("frequency_penalty", "frequency_penalty is not supported.");
  if (body.logprobs) throw unsupported("logprobs", "logprobs is not supported.");
  if (body.tools?.length) throw unsupported("tools", "Tools are not supported.");
  if (body.functions?.length) throw unsupported("functions", "Functions are not supported.");
  if (body.response_format && body.response_format.type !== "text") {
    throw unsupported("response_format", "Only the response format text is supported.");
  }
  if (body.stream_options && !body.stream) {
    throw unsupported("stream_options", "stream_options is only allowed with stream: true.");
  }
  const asked = body.max_completion_tokens ?? body.max_tokens ?? null;
  const stop = typeof body.stop === "string" ? [body.stop] : (body.stop ?? []);
  return {
    messages: body.messages.map(({ role, content }) => ({
      role: role === "developer" ? "system" : role,
      content: typeof content === "string" ? content : (content ?? []).map(({ text }) => text).join(""),
    })),
    maxTokens: asked !== null && contextLength !== null ? Math.min(asked, contextLength) : asked,
    temperature: body.temperature ?? 1,
    topP: body.top_p ?? 1,
    stop: stop.filter((text) => text.length > 0),
    seed: body.seed ?? null,
  };
}

const usage = z
  .object({
    prompt_tokens: z.number().int(),
    completion_tokens: z.number().int(),
    total_tokens: z.number().int(),
  })
  .openapi("CompletionUsage");

export const chatCompletionSchema = z
  .object({
    id: z.string(),
    object: z.literal("chat.completion"),
    created: z.number().int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.number().int(),
        message: z.object({ role: z.literal("assistant"), content: z.string(), refusal: z.null() }),
        logprobs: z.null(),
        finish_reason: z.enum(["stop", "length"]),
      }),
    ),
    usage,
  })
  .openapi("ChatCompletion");

export const gatewayModelSchema = z
  .object({
    id: z.string().openapi({ description: "The name to call it by" }),
    object: z.literal("model"),
    created: z.number().int(),
    owned_by: z.string(),
  })
  .openapi("GatewayModel");

export const openAIErrorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .openapi("OpenAIError");

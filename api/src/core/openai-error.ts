import type { AppError } from "./errors.ts";

/** The path under which errors have OpenAI's body. */
export const OPENAI_PREFIX = "/api/v1/";

/** The body that OpenAI's clients understand, from the api's own error. */
export function toOpenAIError(error: AppError) {
  const { param, field } = error.details ?? {};
  return {
    error: {
      message: error.hint ? `${error.message} ${error.hint}` : error.message,
      type: typeOf(error),
      param: [param, field].find((name) => typeof name === "string" && name !== "body") ?? null,
      code: error.code,
    },
  };
}

function typeOf({ status, code }: AppError): string {
  if (code === "insufficient_quota") return "insufficient_quota";
  if (code === "plan_tokens_exhausted") return "tokens";
  if (status === 429) return "requests";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

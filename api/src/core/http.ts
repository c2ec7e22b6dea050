import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { Logger } from "pino";
import { isViewGone } from "../db/view-gone.ts";
import { AppError } from "./errors.ts";
import { OPENAI_PREFIX, toOpenAIError } from "./openai-error.ts";
import type { SessionUser } from "./session.ts";

/** What middleware puts on the request. */
export interface AppEnv {
  Variables: {
    user: SessionUser | null;
    sessionId: string | null;
    requestId: string;
    /** Of a caller with an API key: the models that it is limited to, or null. Not set for anybody else. */
    keyModelIds?: string[] | null;
  };
}

export type Router = OpenAPIHono<AppEnv>;

/** A router whose validation failures become `AppError`s. Every feature makes one. */
export function createRouter(): Router {
  return new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const issue = result.error.issues[0];
      const field = issue?.path.join(".") || "body";
      throw new AppError("invalid_request", 400, `${field}: ${issue?.message ?? "not valid"}`, {
        details: { field, issues: result.error.issues.map(({ path, message }) => ({ path, message })) },
      });
    },
  });
}

export const errorSchema = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      hint: z.string().optional(),
      retryable: z.boolean(),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  })
  .openapi("Error");

/** The error responses of a route, for its OpenAPI declaration. */
export function errorResponses(...statuses: number[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: "Error", content: { "application/json": { schema: errorSchema } } },
    ]),
  );
}

/** A JSON response of a route, for its OpenAPI declaration. */
export function json<T extends z.ZodType>(schema: T, description = "OK") {
  return { description, content: { "application/json": { schema } } };
}

/** A required JSON body of a route, for its OpenAPI declaration. */
export function jsonBody<T extends z.ZodType>(schema: T) {
  return { required: true, content: { "application/json": { schema } } };
}

/** Turns whatever was thrown into an `AppError`; what nobody foresaw becomes `internal`, without its text. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof HTTPException) {
    if (error.status === 400) {
      return new AppError("invalid_json", 400, "The body is not valid JSON.", { cause: error });
    }
    return new AppError("http_error", error.status as 400, error.message || "The request was refused.", {
      cause: error,
    });
  }
  if (isViewGone(error) || isViewGone(causeOf(error))) {
    return new AppError("mirror_unavailable", 503, "The chain's mirror is not ready yet.", {
      hint: "Try again in a few seconds.",
      cause: error,
    });
  }
  if (isUnstorableText(error)) {
    return new AppError("invalid_request", 400, "The request has characters in it that no text can have.", {
      hint: "Leave out the NUL character.",
      cause: error,
    });
  }
  return new AppError("internal", 500, "Something went wrong on our side.", {
    hint: "Try again; if it stays, report the request id.",
    retryable: true,
    cause: error,
  });
}

/** What Postgres says to a NUL in a text (22021) and in JSON (22P05): it comes from the request, wherever it was. */
const isUnstorableText = (error: unknown) => ["22021", "22P05"].includes(postgresCode(error) ?? "");

/** Drizzle wraps what Postgres said. */
const causeOf = (error: unknown) => (error instanceof Error ? error.cause : undefined);

function postgresCode(error: unknown): string | undefined {
  const cause = causeOf(error);
  return cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
}

/** The error's body: OpenAI's under `/api/v1`, the api's own elsewhere. */
export function errorBody(path: string, error: AppError) {
  return path.startsWith(OPENAI_PREFIX) ? toOpenAIError(error) : error.toJSON();
}

/** The api's error handler: one body shape, a log line for what is our fault. */
export function errorHandler(log: Logger) {
  return (error: unknown, c: Context<AppEnv>) => {
    const appError = toAppError(error);
    // Until the mirror has made its views, whoever waits for them says so once; and health always does.
    if (appError.status >= 500 && appError.code !== "mirror_unavailable") {
      log.error({ err: appError.cause ?? appError, requestId: c.get("requestId") }, appError.message);
    }
    for (const [name, value] of Object.entries(appError.headers)) c.header(name, value);
    if (appError.retryAfter !== undefined) c.header("Retry-After", String(Math.ceil(appError.retryAfter)));
    return c.json(errorBody(c.req.path, appError), appError.status);
  };
}

import type { ContentfulStatusCode } from "hono/utils/http-status";

export interface AppErrorOptions {
  /** What the caller can do about it. */
  hint?: string;
  /** Whether the same request may succeed later. */
  retryable?: boolean;
  /** JSON-safe facts: the offending field, the limit, the remaining seconds. */
  details?: Record<string, unknown>;
  /** Seconds for the `Retry-After` header. */
  retryAfter?: number;
  /** Headers of the answer. */
  headers?: Record<string, string>;
  cause?: unknown;
}

/** The one error type of the api. `code` is stable and machine-readable, `message` is for people. */
export class AppError extends Error {
  readonly code: string;
  readonly status: ContentfulStatusCode;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfter: number | undefined;
  readonly headers: Record<string, string>;

  constructor(code: string, status: ContentfulStatusCode, message: string, options: AppErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.status = status;
    this.hint = options.hint;
    this.retryable = options.retryable ?? (status === 429 || status >= 500);
    this.details = options.details;
    this.retryAfter = options.retryAfter;
    this.headers = options.headers ?? {};
  }

  toJSON() {
    return {
      error: {
        code: this.code,
        message: this.message,
        ...(this.hint ? { hint: this.hint } : {}),
        retryable: this.retryable,
        ...(this.details ? { details: this.details } : {}),
      },
    };
  }
}

/** The same answer for what does not exist and for what belongs to somebody else. */
export function notFound(what: string): AppError {
  return new AppError("not_found", 404, `${what} was not found.`, {
    hint: "Check the id, and that you are signed in with the account that owns it.",
  });
}

export function unauthorized(hint = "Sign in with a wallet or with e-mail and password."): AppError {
  return new AppError("unauthorized", 401, "You are not signed in.", { hint });
}

export function invalid(field: string, message: string, hint?: string): AppError {
  return new AppError("invalid_request", 400, message, { hint, details: { field } });
}

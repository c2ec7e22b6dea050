/** What the API answered instead of a result, or that it could not be reached. `message` and `hint` are for people. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;
  readonly retryable: boolean;
  readonly details: unknown;

  constructor(
    status: number,
    body: { code: string; message: string; hint?: string | null; retryable?: boolean; details?: unknown },
  ) {
    super(body.message);
    this.status = status;
    this.code = body.code;
    this.hint = body.hint ?? null;
    this.retryable = body.retryable ?? false;
    this.details = body.details;
  }
}

export interface CallOptions {
  body?: unknown;
  query?: Record<string, string | number | undefined>;
  signal?: AbortSignal;
}

/**
 * Calls the API on this origin with the session's cookie and reads its JSON.
 * @throws {ApiError} also when the network fails (`code: "offline"`). An abort is thrown as it is.
 */
export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const response = await open(method, path, options);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

/** The same, with the response still to be read: for event streams. */
export async function open(
  method: string,
  path: string,
  { body, query, signal }: CallOptions = {},
): Promise<Response> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined) search.set(name, String(value));
  const url = `/api${path}${search.size ? `?${search}` : ""}`;
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      signal: signal ?? null,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, {
      code: "offline",
      message: "AIForge cannot be reached.",
      hint: "Check your connection and try again.",
      retryable: true,
    });
  }
  if (response.ok) return response;
  throw await errorOf(response);
}

async function errorOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const error = (body as { error?: { code?: unknown; message?: unknown } } | null)?.error;
  if (typeof error?.message === "string") {
    return new ApiError(response.status, {
      code: "error",
      ...error,
      message: error.message,
    } as ConstructorParameters<typeof ApiError>[1]);
  }
  return new ApiError(response.status, {
    code: "unexpected",
    message: `The service answered in a way this page does not understand (HTTP ${response.status}).`,
    hint: "Try again; if it stays, the service needs attention.",
    retryable: response.status >= 500,
  });
}

/** Any thrown value as something that can be shown. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError(0, { code: "unexpected", message });
}

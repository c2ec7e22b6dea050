/** What the API answered instead of a result, or that it could not be reached. `message` and `hint` are for people. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;
  readonly retryable: boolean;

  constructor(
    status: number,
    body: { code: string; message: string; hint?: string | null; retryable?: boolean },
  ) {
    super(body.message);
    this.status = status;
    this.code = body.code;
    this.hint = body.hint ?? null;
    this.retryable = body.retryable ?? false;
  }
}

const offline = () =>
  new ApiError(0, {
    code: "offline",
    message: "AIForge cannot be reached.",
    hint: "Check your connection and try again.",
    retryable: true,
  });

/** What a function of the generated client resolves to. */
interface ClientResult<T> {
  data?: T;
  error?: unknown;
  response?: Response;
}

/**
 * The result of a generated client's call. The type argument may name the same shape more exactly, such as an address
 * where the document has a string.
 * @throws {ApiError} also when the network fails (`code: "offline"`).
 */
export async function unwrap<T>(call: Promise<ClientResult<unknown>> | Promise<ClientResult<T>>): Promise<T> {
  let result: ClientResult<unknown>;
  try {
    result = await call;
  } catch {
    throw offline();
  }
  const { response, error, data } = result;
  if (!response) throw offline();
  if (!response.ok) throw readError(response.status, error);
  return data as T;
}

/**
 * Posts JSON and hands back the response unread, for event streams.
 * @throws {ApiError}; an abort is thrown as it is.
 */
export async function open(path: string, body: unknown, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    const headers = { "content-type": "application/json" };
    response = await fetch(path, { method: "POST", signal, headers, body: JSON.stringify(body) });
  } catch (error) {
    if (signal.aborted) throw error;
    throw offline();
  }
  if (response.ok) return response;
  throw readError(response.status, await response.json().catch(() => null));
}

/**
 * What a path of this origin answers, as text.
 * @throws {ApiError}
 */
export async function text(path: string): Promise<string> {
  let response: Response;
  try {
    response = await fetch(path);
  } catch {
    throw offline();
  }
  if (response.ok) return response.text();
  throw readError(response.status, await response.json().catch(() => null));
}

function readError(status: number, body: unknown): ApiError {
  const error = (body as { error?: { code?: unknown; message?: unknown } } | null)?.error;
  if (typeof error?.message === "string" && typeof error.code === "string") {
    return new ApiError(status, error as ConstructorParameters<typeof ApiError>[1]);
  }
  return new ApiError(status, {
    code: "unexpected",
    message: `The service answered in a way this page does not understand (HTTP ${status}).`,
    hint: "Try again; if it stays, the service needs attention.",
    retryable: status >= 500,
  });
}

/** Any thrown value as something that can be shown. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError(0, { code: "unexpected", message });
}

/** A failure an operator can act on: printed as its one sentence, without a stack. */
export class MinerError extends Error {
  /** What to do about it, if that is known. */
  readonly hint: string | null;
  /** Whether trying the same again later may work. */
  readonly retryable: boolean;

  constructor(message: string, options: { hint?: string; retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "MinerError";
    this.hint = options.hint ?? null;
    this.retryable = options.retryable ?? false;
  }
}

/** The shortest true sentence about anything thrown, without a node's address; fetch hides the reason in `cause`. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // The whole message of an error of viem's has the address that was asked, and so a key that is in it.
  if ("shortMessage" in error && typeof error.shortMessage === "string") return error.shortMessage;
  const cause = error.cause;
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message;
  if (error.message === "fetch failed" && cause instanceof Error) return cause.message;
  return error.message || error.name;
}

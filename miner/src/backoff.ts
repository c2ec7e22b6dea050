export interface BackoffParameters {
  /** Upper bound of the first delay, milliseconds. */
  baseMs?: number;
  /** Upper bound of every delay, milliseconds. */
  capMs?: number;
  /** Uniform in [0, 1). */
  random?: () => number;
}

/**
 * Milliseconds to wait before the attempt after `failures` failed ones (1 = after the first failure).
 * Exponential with full jitter: uniform in [0, min(cap, base × 2^(failures − 1))), so that a thousand
 * nodes that lost the same API do not come back in the same second.
 * Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffDelay(failures: number, parameters: BackoffParameters = {}): number {
  const { baseMs = 1_000, capMs = 30_000, random = Math.random } = parameters;
  // 2^1000 is Infinity, which min() handles; a negative count is the same as the first failure.
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.max(0, failures - 1));
  return random() * ceiling;
}

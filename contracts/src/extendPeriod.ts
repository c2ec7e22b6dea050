import { FEES } from "./fees.ts";

/**
 * The end of a paid period after a purchase: `max(now, current end) + months × 30 days`. The one rule for what is
 * bought by the month, on chain (listing) and read from events (subscriptions).
 * @param now time of the purchase's block, in seconds.
 * @param currentEnd end of what is paid already, in seconds; null when nothing is.
 * @param months how many were bought.
 */
export function extendPeriod(now: bigint, currentEnd: bigint | null, months: bigint): bigint {
  const start = currentEnd !== null && currentEnd > now ? currentEnd : now;
  return start + months * FEES.month;
}

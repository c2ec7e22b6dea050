/** What a model's use brought its split in a month of the pool, in micro-USDT. */
export interface PoolPart {
  modelId: string;
  month: number;
  amount: bigint;
}

/**
 * How much of what a split claimed of the pool in its life is of which model. A claim takes all that is owed until some
 * month, so the oldest months are what was claimed; of a month that was claimed in part each model has its part, rounded
 * down.
 * @param claimed micro-USDT
 * @returns micro-USDT by model
 */
export function claimedByModel(parts: readonly PoolPart[], claimed: bigint): Map<string, bigint> {
  const found = new Map<string, bigint>();
  let left = claimed;
  for (const month of [...new Set(parts.map((part) => part.month))].sort((a, b) => a - b)) {
    const ofMonth = parts.filter((part) => part.month === month);
    const whole = ofMonth.reduce((sum, { amount }) => sum + amount, 0n);
    const complete = left >= whole;
    const taken = complete ? whole : left;
    if (taken === 0n) continue;
    for (const { modelId, amount } of ofMonth) {
      found.set(modelId, (found.get(modelId) ?? 0n) + (amount * taken) / whole);
    }
    left -= taken;
  }
  return found;
}

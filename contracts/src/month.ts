/** The text is not a month, "2026-11". */
export class MonthError extends Error {
  override name = "MonthError";
  constructor(value: unknown) {
    super(`Not a month like 2026-11: ${JSON.stringify(value)}`);
  }
}

const MONTH = /^([0-9]{4})-(0[1-9]|1[0-2])$/;

/** The last month that fits the contract's `uint16`: December of the year 5460. */
export const LAST_MONTH = 65_531;

/**
 * The contract's number of a month: year * 12 + month - 1.
 * @param text "2026-11", UTC
 * @throws {MonthError}
 */
export function monthIndex(text: string): number {
  const match = MONTH.exec(text);
  const index = match ? Number(match[1]) * 12 + Number(match[2]) - 1 : Number.NaN;
  if (!(index >= 1970 * 12 && index <= LAST_MONTH)) throw new MonthError(text);
  return index;
}

/** A month of the contract's as text, "2026-11". */
export function monthText(index: number): string {
  return `${String(Math.floor(index / 12)).padStart(4, "0")}-${String((index % 12) + 1).padStart(2, "0")}`;
}

/** The contract's number of the month (UTC) that a second since 1970 is in. */
export function monthOf(seconds: bigint): number {
  const date = new Date(Number(seconds) * 1000);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/** The first second of a month (UTC), since 1970; it ends with the first of the next. */
export function monthStart(index: number): bigint {
  return BigInt(Date.UTC(Math.floor(index / 12), index % 12) / 1000);
}

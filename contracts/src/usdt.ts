export type AmountErrorCode = "not_an_amount" | "negative" | "too_many_decimals" | "too_large";

/** The text is not an amount of USDT that can be paid. */
export class AmountError extends Error {
  override name = "AmountError";
  readonly code: AmountErrorCode;
  constructor(code: AmountErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The largest amount that the contract's ledger can hold, in micro-USDT. */
export const MAX_UINT256 = 2n ** 256n - 1n;
/** The largest price that a model's terms can hold, in micro-USDT. */
export const MAX_PRICE = 2n ** 64n - 1n;

// 2^256 micro-USDT has 78 digits; nothing longer is worth reading.
const MAX_LENGTH = 90;

/**
 * Reads a decimal string in USDT ("9.00", "0.000001") as micro-USDT. Takes plain ASCII digits with at most six of them
 * after one point: no sign, exponent, separator or space.
 * @param max the largest amount allowed, in micro-USDT; {@link MAX_PRICE} for prices.
 * @throws {AmountError}
 * @example parseUsdt("9.5") // 9_500_000n
 */
export function parseUsdt(text: string, { max = MAX_UINT256 }: { max?: bigint } = {}): bigint {
  if (typeof text !== "string") throw new AmountError("not_an_amount", "An amount is a decimal string");
  if (text.length > MAX_LENGTH) throw new AmountError("too_large", "The amount has too many digits");
  const match = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?$/.exec(text);
  if (!match) throw new AmountError("not_an_amount", `Not an amount of USDT: ${JSON.stringify(text)}`);
  const [, sign, whole = "", fraction = ""] = match;
  if (sign) throw new AmountError("negative", `An amount is not negative: ${text}`);
  if (fraction.length > 6) {
    throw new AmountError("too_many_decimals", `USDT has 6 decimals, ${text} has ${fraction.length}`);
  }
  const micro = BigInt(whole + fraction.padEnd(6, "0"));
  if (micro > max) throw new AmountError("too_large", `${text} USDT is more than ${formatUsdt(max)}`);
  return micro;
}

/**
 * Writes micro-USDT as an exact decimal string in USDT with two to six decimals.
 * @example formatUsdt(9_000_000n) // "9.00"
 */
export function formatUsdt(micro: bigint): string {
  const digits = (micro < 0n ? -micro : micro).toString().padStart(7, "0");
  const fraction = digits.slice(-6).replace(/0{1,4}$/, "");
  return `${micro < 0n ? "-" : ""}${digits.slice(0, -6)}.${fraction}`;
}

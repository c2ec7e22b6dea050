import { formatUsdt, parseUsdt } from "@aiforge/contracts";

/** An amount for people: "1,234.50". Takes micro-USDT or the API's decimal string. */
export function showUsdt(amount: bigint | string): string {
  const text = formatUsdt(typeof amount === "string" ? parseUsdt(amount) : amount);
  const [whole = "0", fraction = "00"] = text.split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${fraction}`;
}

/** Basis points as a percentage without needless zeros: 5000 is "50 %", 3333 is "33.33 %". */
export function showBps(bps: number): string {
  return `${(bps / 100).toFixed(2).replace(/\.?0+$/, "")} %`;
}

/** Whether the amount, in the API's form, is nothing. */
export function isZero(amount: string): boolean {
  return parseUsdt(amount) === 0n;
}

/** What each share of an amount comes to, rounded down as the contract does; in micro-USDT. */
export function sharesOf(amount: bigint, bps: readonly number[]): bigint[] {
  return bps.map((share) => (amount * BigInt(share)) / 10_000n);
}

/** A price as someone types it ("10", "9.5", " 12.00 "): micro-USDT, or why not, in words. */
export function readPrice(
  text: string,
  max: bigint = 2n ** 64n - 1n,
): { micro: bigint } | { problem: string } {
  const trimmed = text.trim();
  if (!trimmed) return { problem: "Enter a price in USDT." };
  try {
    return { micro: parseUsdt(trimmed.replace(/^\./, "0.").replace(/\.$/, ""), { max }) };
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === "negative") return { problem: "A price cannot be negative." };
    if (code === "too_many_decimals") return { problem: "USDT has at most 6 decimals." };
    if (code === "too_large") return { problem: "That is more than a price can be." };
    return { problem: "Write a number such as 10 or 9.50." };
  }
}

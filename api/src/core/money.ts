import { AmountError, formatUsdt, MAX_PRICE, parseUsdt } from "@aiforge/contracts";
import { z } from "@hono/zod-openapi";
import { AppError } from "./errors.ts";

/** An amount in a JSON answer: an exact decimal string in USDT. */
export const usdtSchema = z
  .string()
  .openapi({ example: "9.00", description: "USDT, exact, 2 to 6 decimals" });

/** An amount in a JSON request. What it may hold is checked by `readUsdt`, which names each fault. */
export const usdtInputSchema = z
  .string()
  .max(200)
  .openapi({ example: "9.00", description: "USDT, a decimal string with at most 6 decimals" });

/** Micro-USDT as JSON carries it. */
export const usdt = formatUsdt;

/**
 * Reads a price from a request.
 * @returns micro-USDT
 * @throws AppError `invalid_amount` (400); `details.reason` is not_an_amount, negative, too_many_decimals or too_large
 */
export function readUsdt(field: string, text: string, { max = MAX_PRICE } = {}): bigint {
  try {
    return parseUsdt(text, { max });
  } catch (error) {
    if (!(error instanceof AmountError)) throw error;
    throw new AppError("invalid_amount", 400, `${field}: ${error.message}`, {
      hint: "Write an amount like 10 or 9.50, with at most 6 decimals.",
      details: { field, reason: error.code },
      cause: error,
    });
  }
}

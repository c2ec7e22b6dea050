import { z } from "@hono/zod-openapi";
import { AppError } from "../../core/errors.ts";
import { readUsdt, usdt, usdtInputSchema } from "../../core/money.ts";

/** Prices in micro-USDT, as the contract's `Terms`; 0: not offered. */
export interface Terms {
  month: bigint;
  sale: bigint;
  input: bigint;
  output: bigint;
}

export const priceInputShape = {
  month: usdtInputSchema.describe("API subscription for 30 days, USDT"),
  sale: usdtInputSchema.optional().describe("Licence to the weights, USDT; left out: not offered"),
  input: usdtInputSchema.optional().describe("A million tokens in, USDT; left out: not offered"),
  output: usdtInputSchema.optional().describe("A million tokens out, USDT; left out: not offered"),
};

export const priceInputSchema = z.object(priceInputShape);
export type PriceInput = z.infer<typeof priceInputSchema>;

/**
 * Reads the prices of a service. A month must cost something: the platform sells nothing else yet.
 * @throws AppError `invalid_amount` (400)
 */
export function readTerms(input: PriceInput): Terms {
  const month = readUsdt("month", input.month);
  if (month === 0n) {
    throw new AppError("invalid_amount", 400, "month: a month costs more than 0 USDT.", {
      hint: "The smallest price is 0.000001 USDT.",
      details: { field: "month", reason: "zero" },
    });
  }
  return {
    month,
    sale: readUsdt("sale", input.sale ?? "0"),
    input: readUsdt("input", input.input ?? "0"),
    output: readUsdt("output", input.output ?? "0"),
  };
}

/** Prices as JSON carries them. */
export const viewTerms = ({ month, sale, input, output }: Terms) => ({
  month: usdt(month),
  sale: usdt(sale),
  input: usdt(input),
  output: usdt(output),
});

export const sameTerms = (a: Terms, b: Terms): boolean =>
  a.month === b.month && a.sale === b.sale && a.input === b.input && a.output === b.output;

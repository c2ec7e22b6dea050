import { BaseError } from "viem";
import { describe, expect, it } from "vitest";
import { outcomeOf, refusesBatch } from "./batch.ts";
import { ProviderError } from "./providerError.ts";
import { TransactError } from "./transact.ts";

const hash = `0x${"ab".repeat(32)}` as const;
const receipts = [{ transactionHash: `0x${"01".repeat(32)}` as const }, { transactionHash: hash }];

function problemOf(status: Parameters<typeof outcomeOf>[0]) {
  try {
    outcomeOf(status);
  } catch (error) {
    if (error instanceof TransactError) return { code: error.problem.code, hash: error.hash };
    throw error;
  }
  throw new Error("It was taken for a success.");
}

describe("what a wallet says of a batch", () => {
  it("is the last transaction's hash when all of it happened", () => {
    expect(outcomeOf({ statusCode: 200, receipts })).toBe(hash);
  });

  it("is a failure in the wallet's own terms: not sent, reverted, in part", () => {
    expect(problemOf({ statusCode: 400 })).toEqual({ code: "batch_not_sent", hash: null });
    expect(problemOf({ statusCode: 500, receipts })).toEqual({ code: "batch_reverted", hash });
    expect(problemOf({ statusCode: 600, receipts })).toEqual({ code: "batch_partial", hash });
  });

  it("is unknown, never taken for a success, when it does not answer or names no transaction", () => {
    for (const status of [
      null,
      { statusCode: 200 },
      { statusCode: 200, receipts: [] },
      { statusCode: 300, receipts },
    ]) {
      expect(problemOf(status).code).toBe("batch_unknown");
    }
  });
});

it("goes on one by one where a wallet will not batch, and not where its person declined", () => {
  const wrapped = (code: number) => new BaseError("It failed.", { cause: new ProviderError(code, "No.") });
  for (const code of [-32601, 4200, 5700, 5710, 5740, 5750, 5760])
    expect(refusesBatch(wrapped(code))).toBe(true);
  for (const code of [4001, 4100, -32603]) expect(refusesBatch(wrapped(code))).toBe(false);
  expect(refusesBatch(new Error("No."))).toBe(false);
});

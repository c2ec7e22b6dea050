import { BaseError } from "viem";
import { AppError } from "../core/errors.ts";

/**
 * Asks the chain's RPC node.
 * @throws AppError `chain_unavailable` (503) when it does not answer
 */
export async function readChain<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof BaseError)) throw error;
    throw new AppError("chain_unavailable", 503, "The chain does not answer at the moment.", {
      hint: "Try again in a few seconds.",
      cause: error,
    });
  }
}

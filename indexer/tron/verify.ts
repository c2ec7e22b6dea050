import type { Hex } from "viem";
import type { TronChain } from "./chain.ts";

/** Blocks that a purchase on Tron waits for, its own included: it is solid when 19 producers built on it. */
export const CONFIRMATIONS = 19;

/** Where a transaction stands. `confirmations` counts its own block. */
export type Standing =
  | { state: "unknown" }
  | { state: "seen" | "confirmed" | "failed"; block: number; confirmations: number; reason: string | null };

/**
 * Looks a transaction up by its id, twice: at a full node and at the solidified state. It counts as confirmed only when
 * both say the same block and it has its confirmations; what failed counts as failed only then, too.
 * @throws NodeFailure when the nodes do not answer
 */
export async function verifyTransaction(chain: TronChain, id: Hex, tries = 6): Promise<Standing> {
  const full = await chain.info("full", id, tries);
  const solid = await chain.info("solidity", id, tries);
  const info = solid ?? full;
  if (!info) return { state: "unknown" };
  const head = (await chain.head("full", tries)).number;
  const confirmations = Math.max(0, head - info.blockNumber + 1);
  const agreed = full !== null && solid !== null && full.blockNumber === solid.blockNumber;
  const final = agreed && confirmations >= CONFIRMATIONS;
  if (!final) {
    const shown = Math.min(confirmations, CONFIRMATIONS - 1);
    return { state: "seen", block: info.blockNumber, confirmations: shown, reason: null };
  }
  const failed = info.failure !== null;
  return {
    state: failed ? "failed" : "confirmed",
    block: info.blockNumber,
    confirmations,
    reason: failed ? (info.message ?? info.failure) : null,
  };
}

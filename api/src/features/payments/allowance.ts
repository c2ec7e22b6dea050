import { usdtAbi } from "@aiforge/contracts";
import { type Call, usdtCall } from "../../chain/calls.ts";
import type { Chain } from "../../chain/chains.ts";
import { readChain } from "../../chain/read.ts";

/** Tells what the contract may take from a wallet, in micro-USDT. */
export type AllowanceOf = (chain: Chain, wallet: string) => Promise<bigint>;

/** Asks the chain once for each wallet, however many payments are shown: they are the caller's to add. */
export function readAllowances(): AllowanceOf {
  const known = new Map<string, Promise<bigint>>();
  return (chain, wallet) => {
    const key = `${chain.chain} ${wallet}`;
    const allowed =
      known.get(key) ??
      readChain(() =>
        chain.client.readContract({
          address: chain.usdt,
          abi: usdtAbi,
          functionName: "allowance",
          args: [wallet as `0x${string}`, chain.aiforge],
        }),
      );
    known.set(key, allowed);
    return allowed;
  };
}

/**
 * What a wallet signs before the contract can take `amount` from it: nothing when its allowance is enough. USDT lets an
 * allowance change only from or to zero, so one that is short but not zero is reset first.
 * @param amount micro-USDT
 */
export async function approvals(
  chain: Chain,
  wallet: string,
  amount: bigint,
  allowanceOf: AllowanceOf,
): Promise<{ allowanceReset: Call | null; allowance: Call | null }> {
  const none = { allowanceReset: null, allowance: null };
  if (amount === 0n) return none;
  const allowed = await allowanceOf(chain, wallet);
  if (allowed >= amount) return none;
  return {
    allowanceReset: allowed === 0n ? null : usdtCall(chain, "approve", [chain.aiforge, 0n]),
    allowance: usdtCall(chain, "approve", [chain.aiforge, amount]),
  };
}

import { usdtAbi } from "@aiforge/contracts";
import { type Call, usdtCall } from "../../chain/calls.ts";
import type { Chain } from "../../chain/chains.ts";
import { readChain } from "../../chain/read.ts";

/**
 * What a wallet signs before the contract can take `amount` from it: nothing when its allowance is enough. USDT lets an
 * allowance change only from or to zero, so one that is short but not zero is reset first.
 * @param amount micro-USDT
 */
export async function approvals(
  chain: Chain,
  wallet: string,
  amount: bigint,
): Promise<{ allowanceReset: Call | null; allowance: Call | null }> {
  const none = { allowanceReset: null, allowance: null };
  if (amount === 0n) return none;
  const allowed = await readChain(() =>
    chain.client.readContract({
      address: chain.usdt,
      abi: usdtAbi,
      functionName: "allowance",
      args: [wallet as `0x${string}`, chain.aiforge],
    }),
  );
  if (allowed >= amount) return none;
  return {
    allowanceReset: allowed === 0n ? null : usdtCall(chain, "approve", [chain.aiforge, 0n]),
    allowance: usdtCall(chain, "approve", [chain.aiforge, amount]),
  };
}

import { usdtAbi } from "@aiforge/contracts";
import { and, eq } from "drizzle-orm";
import { type Call, usdtCall } from "../../chain/calls.ts";
import type { Chain } from "../../chain/chains.ts";
import { recentReads } from "../../chain/recent.ts";
import { chainCredits } from "../../chain/schema.ts";
import type { Deps } from "../../deps.ts";

/** What wallets allow and have; each thing is asked once, however many payments are shown. Micro-USDT. */
export interface Purse {
  /** What `spender` may take from a wallet. */
  allowance: (chain: Chain, wallet: string, spender: `0x${string}`) => Promise<bigint>;
  /** A wallet's credit in the contract, as mirrored. */
  credit: (chain: Chain, wallet: string) => Promise<bigint>;
}

const allowances = recentReads<bigint>();

/** @param fresh false: what wallets allow may be as old as a block, so that whoever looks each second costs a node little */
export function openPurse({ db }: Pick<Deps, "db">, fresh = true): Purse {
  const known = new Map<string, Promise<bigint>>();
  const once = (key: string, ask: () => Promise<bigint>) => {
    const answer = known.get(key) ?? ask();
    known.set(key, answer);
    return answer;
  };
  return {
    allowance: (chain, wallet, spender) =>
      once(`${chain.chain} ${wallet} ${spender}`, () => {
        const ask = () =>
          chain.client.readContract({
            address: chain.usdt,
            abi: usdtAbi,
            functionName: "allowance",
            args: [wallet as `0x${string}`, spender],
          });
        return allowances(chain, `${wallet} ${spender}`, ask, { fresh });
      }),
    credit: (chain, wallet) =>
      once(`${chain.chain} ${wallet}`, async () => {
        const [row] = await db
          .select({ amount: chainCredits.amount })
          .from(chainCredits)
          .where(and(eq(chainCredits.chainId, chain.chain), eq(chainCredits.payee, wallet)));
        return row?.amount ?? 0n;
      }),
  };
}

/**
 * What a wallet signs before `spender` can take `amount` from it: nothing when its allowance is enough. USDT lets an
 * allowance change only from or to zero, so one that is short but not zero is reset first.
 * @param amount micro-USDT
 * @param allow what to allow then, micro-USDT
 */
export async function approvals(
  purse: Purse,
  chain: Chain,
  wallet: string,
  spender: `0x${string}`,
  { amount, allow = amount }: { amount: bigint; allow?: bigint },
): Promise<{ allowanceReset: Call | null; allowance: Call | null }> {
  const none = { allowanceReset: null, allowance: null };
  if (amount === 0n) return none;
  const allowed = await purse.allowance(chain, wallet, spender);
  if (allowed >= amount) return none;
  return {
    allowanceReset: allowed === 0n ? null : usdtCall(chain, "approve", [spender, 0n]),
    allowance: usdtCall(chain, "approve", [spender, allow]),
  };
}

import { formatEther } from "viem";
import type { Deps } from "../../../deps.ts";
import { cashierState } from "./wallet.ts";

/** Whether the cashier can work, on each chain that has one, for people. @throws viem's errors */
export async function cashierHealth({ chains }: Pick<Deps, "chains">) {
  const states = await Promise.all(
    chains.all.map(async (chain) => ({ name: chain.name, state: await cashierState(chain) })),
  );
  const working = states.flatMap(({ name, state }) => (state ? [{ name, ...state }] : []));
  if (working.length === 0) return { state: "ok" as const, detail: "Plain transfers are not taken here." };
  const detail = working
    .map(
      ({ name, balance, orders, able }) =>
        `${name}: ${formatEther(balance)} for gas, about ${orders} transactions${able ? "" : ", too few: no plain transfers are offered"}`,
    )
    .join(", ");
  return { state: working.some(({ low }) => low) ? ("degraded" as const) : ("ok" as const), detail };
}

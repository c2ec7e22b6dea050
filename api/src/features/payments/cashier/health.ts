import type { Deps } from "../../../deps.ts";
import { cashierState } from "./wallet.ts";

/** Whether the cashier can work, on each chain that has one, for people. @throws viem's errors */
export async function cashierHealth({ chains }: Pick<Deps, "chains">) {
  const states = await Promise.all(
    chains.all.map(async (chain) => {
      const state = await cashierState(chain);
      return { name: chain.name, state: state && { ...state, fee: chain.sender.formatFee(state.balance) } };
    }),
  );
  const working = states.flatMap(({ name, state }) => (state ? [{ name, ...state }] : []));
  if (working.length === 0) return { state: "ok" as const, detail: "Plain transfers are not taken here." };
  const detail = working
    .map(
      ({ name, fee, orders, able }) =>
        `${name}: ${fee} for gas, about ${orders} transactions${able ? "" : ", too few: no plain transfers are offered"}`,
    )
    .join(", ");
  return { state: working.some(({ low }) => low) ? ("degraded" as const) : ("ok" as const), detail };
}

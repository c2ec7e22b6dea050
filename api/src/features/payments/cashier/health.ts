import type { Chain } from "../../../chain/chains.ts";
import type { Deps } from "../../../deps.ts";
import { cashierState } from "./wallet.ts";

/** Whether the cashier can work, on each chain that has one, for people. @throws AppError `chain_unavailable` (503) when none answers */
export async function cashierHealth({ chains }: Pick<Deps, "chains">) {
  const asked = await Promise.allSettled(chains.all.map(healthOn));
  const refused = asked.find((each) => each.status === "rejected");
  if (refused && asked.every(({ status }) => status === "rejected")) throw refused.reason;
  const states = asked.flatMap((each, at) => {
    if (each.status === "fulfilled") return each.value ?? [];
    return { detail: `${chains.all[at]!.name}: the chain does not answer`, low: true };
  });
  if (states.length === 0) return { state: "ok" as const, detail: "Plain transfers are not taken here." };
  const detail = states.map((each) => each.detail).join(", ");
  return { state: states.some(({ low }) => low) ? ("degraded" as const) : ("ok" as const), detail };
}

async function healthOn(chain: Chain): Promise<{ detail: string; low: boolean } | null> {
  const state = await cashierState(chain);
  if (!state) return null;
  const { balance, orders, able, low } = state;
  const much = `${chain.sender.formatFee(balance)} for gas, about ${orders} transactions`;
  return { detail: `${chain.name}: ${much}${able ? "" : ", too few: no plain transfers are offered"}`, low };
}

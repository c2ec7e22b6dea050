import { usdtAbi } from "@aiforge/contracts";
import { type Address, encodeFunctionData, type Hex } from "viem";

/** One transaction of a payment. */
export interface PlannedStep {
  id: "reset" | "approve" | "pay";
  title: string;
  to: Address;
  data: Hex;
}

export interface PlanParameters {
  usdt: Address;
  aiforge: Address;
  /** What the wallet pays, in micro-USDT. */
  amount: bigint;
  /** What AIForge may already take from the wallet, in micro-USDT. */
  allowance: bigint;
  pay: { title: string; to: Address; data: Hex };
}

/**
 * The transactions that a payment needs, in order. Ethereum's USDT changes an allowance only from or to zero, so one
 * that is too small is reset first; one that is large enough is left as it is. Exactly the amount is approved.
 */
export function planPayment({ usdt, aiforge, amount, allowance, pay }: PlanParameters): PlannedStep[] {
  const approve = (value: bigint) =>
    encodeFunctionData({ abi: usdtAbi, functionName: "approve", args: [aiforge, value] });
  const steps: PlannedStep[] = [];
  if (amount > 0n && allowance < amount) {
    if (allowance > 0n)
      steps.push({ id: "reset", title: "Reset the old allowance", to: usdt, data: approve(0n) });
    steps.push({ id: "approve", title: "Approve USDT", to: usdt, data: approve(amount) });
  }
  steps.push({ id: "pay", ...pay });
  return steps;
}

import { aiforgeAbi, usdtAbi } from "@aiforge/contracts";
import { type Abi, type Address, decodeFunctionData, encodeFunctionData, type Hex } from "viem";
import type { Call } from "../api/types.ts";

/** One transaction of a payment. */
export interface PlannedStep {
  id: "reset" | "approve" | "pay";
  title: string;
  to: Address;
  data: Hex;
}

export interface PlanParameters {
  usdt: Address;
  /** What the wallet pays, in micro-USDT. */
  amount: bigint;
  /** Who takes it: AIForge, or Permit2. */
  spender: Address;
  /** What the spender may already take from the wallet, in micro-USDT. */
  allowance: bigint;
  /** The payment itself; null where only the allowance is wanted. */
  pay: { title: string; to: Address; data: Hex } | null;
}

/**
 * The transactions that a payment needs, in order. Ethereum's USDT changes an allowance only from or to zero, so one
 * that is too small is reset first; one that is large enough is left as it is. Exactly the amount is approved.
 */
export function planPayment({ usdt, spender, amount, allowance, pay }: PlanParameters): PlannedStep[] {
  const approve = (value: bigint) =>
    encodeFunctionData({ abi: usdtAbi, functionName: "approve", args: [spender, value] });
  const steps: PlannedStep[] = [];
  if (amount > 0n && allowance < amount) {
    if (allowance > 0n)
      steps.push({ id: "reset", title: "Reset the old allowance", to: usdt, data: approve(0n) });
    steps.push({ id: "approve", title: "Approve USDT", to: usdt, data: approve(amount) });
  }
  if (pay) steps.push({ id: "pay", ...pay });
  return steps;
}

/** The call is not to the contract that it claims, or does not do what it claims. */
export class UnexpectedCallError extends Error {
  override name = "UnexpectedCallError";
  constructor() {
    super("The service offered a transaction that does not match what this page shows. Nothing was signed.");
  }
}

/**
 * Holds a call from the API to what the page is about to say of it, before any wallet sees it.
 * @throws {UnexpectedCallError}
 */
export function assertCall(
  call: Call,
  functionName: string,
  { aiforge, usdt }: { aiforge: Address; usdt: Address },
): void {
  const contract = call.abi === "usdt" ? usdt : aiforge;
  const abi: Abi = call.abi === "usdt" ? usdtAbi : aiforgeAbi;
  const named = (() => {
    try {
      return decodeFunctionData({ abi, data: call.data }).functionName;
    } catch {
      return null;
    }
  })();
  if (
    call.to.toLowerCase() !== contract.toLowerCase() ||
    named !== functionName ||
    BigInt(call.value) !== 0n
  ) {
    throw new UnexpectedCallError();
  }
}

import { PERMIT2, usdtAbi } from "@aiforge/contracts";
import { type Address, decodeFunctionData, type Hex } from "viem";
import { describeAIForge, months, planName, usdt } from "./describeAIForge.ts";

/** What a contract call or a signature does, for the person who signs it. */
export interface Description {
  title: string;
  details: { label: string; value: string }[];
}

export interface KnownContracts {
  aiforge: Address;
  usdt: Address;
}

/** EIP-712 typed data as it comes over a wallet's wire. */
export interface TypedData {
  domain: { name?: string; chainId?: number | string; verifyingContract?: string };
  primaryType: string;
  message: Record<string, unknown>;
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/** Reads a call's data, not what a page claims about it. A call to an unknown contract is shown as such. */
export function describeCall(to: Address, data: Hex, known: KnownContracts): Description {
  try {
    if (same(to, known.usdt)) return describeUsdt(data, known);
    if (same(to, known.aiforge)) return describeAIForge(data);
  } catch {
    // Falls through: data that neither ABI can read.
  }
  return {
    title: "Call an unknown contract",
    details: [
      { label: "Contract", value: to },
      { label: "Data", value: data },
    ],
  };
}

/** Reads typed data: a Permit2 purchase for AIForge in words, anything else as it is. */
export function describeTypedData(data: TypedData, known: KnownContracts): Description {
  const { domain, primaryType, message } = data;
  const bought = message.witness as Record<string, unknown> | undefined;
  if (
    primaryType !== "PermitWitnessTransferFrom" ||
    !same(domain.verifyingContract ?? "", PERMIT2) ||
    !same(String(message.spender), known.aiforge) ||
    !bought
  ) {
    return {
      title: `Sign unknown data: ${primaryType}`,
      details: [
        { label: "For", value: `${domain.name ?? "?"} ${domain.verifyingContract ?? ""}` },
        { label: "Data", value: JSON.stringify(message) },
      ],
    };
  }
  const permitted = message.permitted as { token: string; amount: string };
  const what = String(bought.kind);
  const item = String(bought.item);
  // Of metered use it is how much may be charged a day.
  const count = BigInt(String(bought.months));
  return {
    title: `Pay for ${purchased(what, item)} by signature`,
    details: [
      { label: "Pays at most", value: usdt(BigInt(permitted.amount)) },
      { label: "Token", value: same(permitted.token, known.usdt) ? "USDT" : permitted.token },
      ...(what === "usage" ? [{ label: "Charged a day at most", value: usdt(count) }] : []),
      ...(count > 0n && what !== "usage" ? [{ label: "For", value: months(count) }] : []),
      ...(what === "plan" || what === "usage"
        ? []
        : [{ label: what === "job" ? "Job" : "Model", value: item }]),
      { label: "To", value: "AIForge contract" },
    ],
  };
}

/** What a Permit2 purchase is for. @param item the plan's number, or the model on the chain */
function purchased(kind: string, item: string): string {
  switch (kind) {
    case "plan":
      return `the ${planName(Number(BigInt(item)))} plan`;
    case "license":
      return "a model's weights";
    case "listing":
      return "a model's listing";
    case "usage":
      return "metered use";
    default:
      return `a ${kind}`;
  }
}

function describeUsdt(data: Hex, known: KnownContracts): Description {
  const call = decodeFunctionData({ abi: usdtAbi, data });
  if (call.functionName === "approve") {
    const [spender, amount] = call.args;
    const who = same(spender, known.aiforge)
      ? "AIForge contract"
      : same(spender, PERMIT2)
        ? "Permit2 (Uniswap)"
        : spender;
    if (amount === 0n)
      return { title: "Reset the USDT allowance to zero", details: [{ label: "Spender", value: who }] };
    return {
      title: `Allow ${usdt(amount)} to be taken`,
      details: [
        { label: "Spender", value: who },
        { label: "At most", value: usdt(amount) },
      ],
    };
  }
  if (call.functionName === "transfer") {
    const [to, amount] = call.args;
    return { title: `Send ${usdt(amount)}`, details: [{ label: "To", value: to }] };
  }
  return { title: `USDT: ${call.functionName}`, details: [] };
}

import { aiforgeAbi, formatUsdt, usdtAbi } from "@aiforge/contracts";
import { type Address, decodeFunctionData, type Hex, maxUint256 } from "viem";

/** What a contract call does, for the person who signs it. */
export interface Description {
  title: string;
  details: { label: string; value: string }[];
}

export interface KnownContracts {
  aiforge: Address;
  usdt: Address;
}

const usdt = (micro: bigint) => (micro === maxUint256 ? "any amount of USDT" : `${formatUsdt(micro)} USDT`);
const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
const months = (count: bigint) => `${count} ${count === 1n ? "month" : "months"}`;

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

function describeUsdt(data: Hex, known: KnownContracts): Description {
  const call = decodeFunctionData({ abi: usdtAbi, data });
  if (call.functionName === "approve") {
    const [spender, amount] = call.args;
    const who = same(spender, known.aiforge) ? "AIForge contract" : spender;
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

function describeAIForge(data: Hex): Description {
  const call = decodeFunctionData({ abi: aiforgeAbi, data });
  switch (call.functionName) {
    case "subscribe": {
      const [, count, maxPrice] = call.args;
      return {
        title: `Subscribe for ${months(count)}`,
        details: [{ label: "Pays at most", value: usdt(maxPrice) }],
      };
    }
    case "publish": {
      const [, , split, terms, , maxFee] = call.args;
      return {
        title: "Publish a model",
        details: [
          { label: "Fee at most", value: usdt(maxFee) },
          { label: "Price a month", value: usdt(terms.month) },
          ...split.members.map((member, i) => ({ label: `${(split.bps[i] ?? 0) / 100} %`, value: member })),
        ],
      };
    }
    case "extendListing":
      return { title: `Keep a model listed for ${months(call.args[1])} more`, details: [] };
    case "setSplit": {
      const [, split] = call.args;
      return {
        title: "Change who shares a model's revenue",
        details: split.members.map((member, i) => ({
          label: `${(split.bps[i] ?? 0) / 100} %`,
          value: member,
        })),
      };
    }
    case "setTerms":
      return {
        title: "Change a model's prices",
        details: [{ label: "Price a month", value: usdt(call.args[1].month) }],
      };
    case "drawAndWithdraw":
      return { title: "Withdraw your share", details: [{ label: "To", value: call.args[1] }] };
    case "withdraw":
      return { title: `Withdraw ${usdt(call.args[1])}`, details: [{ label: "To", value: call.args[0] }] };
    default:
      return { title: `AIForge: ${call.functionName}`, details: [] };
  }
}

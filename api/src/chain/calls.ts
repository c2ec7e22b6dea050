import { aiforgeAbi, usdtAbi } from "@aiforge/contracts";
import { z } from "@hono/zod-openapi";
import {
  type Abi,
  type ContractFunctionArgs,
  type ContractFunctionName,
  encodeFunctionData,
  type Hex,
} from "viem";
import type { Chain } from "./chains.ts";

export const callSchema = z
  .object({
    to: z.string().describe("Contract address"),
    abi: z.enum(["aiforge", "usdt"]).describe("Which ABI of @aiforge/contracts encodes it"),
    functionName: z.string(),
    args: z.array(z.unknown()).describe("Integers over 2^53 as decimal strings"),
    data: z.string().describe("The encoded call"),
    value: z.literal("0").describe("Wei to send along: never any"),
  })
  .openapi("Call", { description: "A transaction for the caller's wallet to sign" });

export type Call = z.infer<typeof callSchema>;

/** `Source.Wallet` of the contract: paid by `transferFrom`. */
export const FROM_WALLET = 0;
/** `Source.Credit` of the contract: paid from the caller's credit there. */
export const FROM_CREDIT = 1;

/** A call of the AIForge contract. */
export function aiforgeCall<const name extends ContractFunctionName<typeof aiforgeAbi, "nonpayable">>(
  chain: Pick<Chain, "aiforge">,
  functionName: name,
  args: ContractFunctionArgs<typeof aiforgeAbi, "nonpayable", name>,
): Call {
  return call("aiforge", chain.aiforge, aiforgeAbi, functionName, args as readonly unknown[]);
}

/** A call of the chain's USDT. */
export function usdtCall<const name extends ContractFunctionName<typeof usdtAbi, "nonpayable">>(
  chain: Pick<Chain, "usdt">,
  functionName: name,
  args: ContractFunctionArgs<typeof usdtAbi, "nonpayable", name>,
): Call {
  return call("usdt", chain.usdt, usdtAbi, functionName, args as readonly unknown[]);
}

function call(abi: Call["abi"], to: Hex, code: Abi, functionName: string, args: readonly unknown[]): Call {
  return {
    to: to.toLowerCase(),
    abi,
    functionName,
    args: args.map(jsonSafe),
    data: encodeFunctionData({ abi: code, functionName, args }),
    value: "0",
  };
}

/** Integers as decimal strings, at any depth. */
export function jsonSafe(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(jsonSafe);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, jsonSafe(inner)]));
  }
  return value;
}

import { aiforgeAbi, deployments, usdtAbi } from "@aiforge/contracts";
import { encodeFunctionData, maxUint256, zeroHash } from "viem";
import { describe, expect, it } from "vitest";
import type { Call } from "../api/types.ts";
import { describeCall } from "./describe.ts";
import { assertCall, UnexpectedCallError } from "./plan.ts";

const known = deployments[31337]!;
const someone = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
const approve = (spender: `0x${string}`, amount: bigint) =>
  encodeFunctionData({ abi: usdtAbi, functionName: "approve", args: [spender, amount] });
const withdraw = encodeFunctionData({
  abi: aiforgeAbi,
  functionName: "withdraw",
  args: [someone, 4_500_000n],
});

describe("what is about to be signed", () => {
  it("names the spender by what it is, not by what a page calls it", () => {
    expect(describeCall(known.usdt, approve(known.aiforge, 10_000_000n), known)).toEqual({
      title: "Allow 10.00 USDT to be taken",
      details: [
        { label: "Spender", value: "AIForge contract" },
        { label: "At most", value: "10.00 USDT" },
      ],
    });
    const foreign = describeCall(known.usdt, approve(someone, maxUint256), known);
    expect(foreign.title).toBe("Allow any amount of USDT to be taken");
    expect(foreign.details[0]).toEqual({ label: "Spender", value: someone });
  });

  it("shows amounts and people of a contract call", () => {
    expect(describeCall(known.aiforge, withdraw, known)).toEqual({
      title: "Withdraw 4.50 USDT",
      details: [{ label: "To", value: someone }],
    });
    const data = encodeFunctionData({
      abi: aiforgeAbi,
      functionName: "subscribe",
      args: [zeroHash, 3n, 30_000_000n, zeroHash, zeroHash, 0],
    });
    expect(describeCall(known.aiforge, data, known)).toEqual({
      title: "Subscribe for 3 months",
      details: [
        { label: "Pays at most", value: "30.00 USDT" },
        { label: "Paid from", value: "this wallet" },
      ],
    });
  });

  it("does not guess", () => {
    expect(describeCall(someone, withdraw, known).title).toBe("Call an unknown contract");
    expect(describeCall(known.aiforge, "0xdeadbeef", known).title).toBe("Call an unknown contract");
  });
});

describe("a call from the API", () => {
  const call: Call = {
    to: known.aiforge,
    abi: "aiforge",
    functionName: "withdraw",
    args: [],
    data: withdraw,
    value: "0",
  };
  const check =
    (changes: Partial<Call>, name = "withdraw") =>
    () =>
      assertCall({ ...call, ...changes }, name, known);

  it("is taken when it is what the page shows", () => {
    expect(check({})).not.toThrow();
    expect(check({ to: known.aiforge.toLowerCase() as `0x${string}` })).not.toThrow();
  });
  it("is refused when it goes elsewhere, does something else, or is not readable", () => {
    expect(check({ to: someone })).toThrow(UnexpectedCallError);
    expect(check({}, "subscribe")).toThrow(UnexpectedCallError);
    expect(check({ data: approve(someone, 1n) })).toThrow(UnexpectedCallError);
    expect(check({ abi: "usdt", data: approve(someone, 1n) })).toThrow(UnexpectedCallError);
    expect(check({ data: "0x" })).toThrow(UnexpectedCallError);
  });
});

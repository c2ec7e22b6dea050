import { aiforgeAbi, deployments, PERMIT2, usdtAbi } from "@aiforge/contracts";
import { encodeFunctionData, keccak256, maxUint256, numberToHex, stringToHex, zeroHash } from "viem";
import { describe, expect, it } from "vitest";
import type { Call } from "../api/types.ts";
import { describeCall, describeTypedData } from "./describe.ts";
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

  it("names the role that a wallet is given", () => {
    const grant = (role: `0x${string}`) =>
      describeCall(
        known.aiforge,
        encodeFunctionData({ abi: aiforgeAbi, functionName: "grantRole", args: [role, someone] }),
        known,
      ).details[0];
    expect(grant(keccak256(stringToHex("ADMIN")))).toEqual({ label: "Role", value: "admin" });
    expect(grant(keccak256(stringToHex("OPERATOR")))).toEqual({ label: "Role", value: "operator" });
    expect(grant(zeroHash)).toEqual({ label: "Role", value: "default admin" });
    expect(grant(keccak256("0x01"))?.value).toBe(keccak256("0x01"));
  });

  it("names what a Permit2 signature buys", () => {
    const model = keccak256("0x02");
    const permit = (kind: string, item: `0x${string}`, months: string) =>
      describeTypedData(
        {
          domain: { name: "Permit2", chainId: 31337, verifyingContract: PERMIT2 },
          primaryType: "PermitWitnessTransferFrom",
          message: {
            permitted: { token: known.usdt, amount: "25000000" },
            spender: known.aiforge,
            witness: { kind, item, months },
          },
        },
        known,
      );
    expect(permit("plan", numberToHex(3, { size: 32 }), "1").title).toBe(
      "Pay for the Enterprise plan by signature",
    );
    const weights = permit("license", model, "0");
    expect(weights.title).toBe("Pay for a model's weights by signature");
    expect(weights.details).toContainEqual({ label: "Model", value: model });
    expect(permit("subscription", model, "2").details).toContainEqual({ label: "For", value: "2 months" });
    expect(permit("usage", zeroHash, "5000000").details).toContainEqual({
      label: "Charged a day at most",
      value: "5.00 USDT",
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

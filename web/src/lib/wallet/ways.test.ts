import { aiforgeAbi, deployments, PERMIT2 } from "@aiforge/contracts";
import { encodeFunctionData, zeroHash } from "viem";
import { describe, expect, it } from "vitest";
import type { Call, Chain, Payment } from "../api/types.ts";
import { UnexpectedCallError } from "./plan.ts";
import { assertPayment, assertPermit, assertPurchase, waysOf } from "./ways.ts";

const known = deployments[31337]!;
const chain = { chainId: 31337, aiforge: known.aiforge, usdt: known.usdt } as Chain;
const payer = "0x976EA74026E726554dB657fA54763abd0C3a0aa9";
const other = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
const account = `0x01${"00".repeat(31)}` as const;

const permit = () => ({
  domain: { name: "Permit2", chainId: 31337, verifyingContract: PERMIT2 as string },
  types: {},
  primaryType: "PermitWitnessTransferFrom",
  message: {
    permitted: { token: known.usdt as string, amount: "30000000" },
    spender: known.aiforge as string,
    nonce: "1",
    deadline: "1",
    witness: { kind: "plan", account: account as string, maxPrice: "30000000" },
  },
});
const payment = (typedData = permit()) =>
  ({
    purpose: "plan",
    amount: "30.00",
    account,
    ways: { wallet: {}, credit: null, permit2: { typedData }, transfer: null },
  }) as unknown as Payment;
const call = (data: `0x${string}`, to = known.aiforge) =>
  ({ to, abi: "aiforge", data, value: "0" }) as unknown as Call;
const purchase = (kind: string, maxPrice: bigint, by: `0x${string}`) =>
  call(
    encodeFunctionData({
      abi: aiforgeAbi,
      functionName: "purchase",
      args: [
        { kind, item: zeroHash, account, months: 1n, maxPrice, splitId: zeroHash },
        { payer: by, nonce: 1n, deadline: 1n, signature: "0x" },
      ],
    }),
  );

describe("what the service asks a wallet to sign", () => {
  it("offers the ways that the quote has", () => {
    expect(waysOf(payment())).toEqual(["wallet", "permit2"]);
    expect(waysOf({ ...payment(), ways: null })).toEqual([]);
  });

  it("takes a signature for exactly the payment on the page", () => {
    expect(() => assertPermit(payment(), chain)).not.toThrow();
  });

  it.each<[string, (data: ReturnType<typeof permit>) => void]>([
    ["another verifying contract", (data) => (data.domain.verifyingContract = other)],
    ["another chain", (data) => (data.domain.chainId = 1)],
    ["another type", (data) => (data.primaryType = "PermitTransferFrom")],
    ["another spender", (data) => (data.message.spender = other)],
    ["another token", (data) => (data.message.permitted.token = other)],
    ["a larger amount", (data) => (data.message.permitted.amount = "30000001")],
    ["another price", (data) => (data.message.witness.maxPrice = "1")],
    ["another purchase", (data) => (data.message.witness.kind = "license")],
    ["another account", (data) => (data.message.witness.account = zeroHash)],
  ])("refuses a signature over %s", (_, change) => {
    const data = permit();
    change(data);
    expect(() => assertPermit(payment(data), chain)).toThrow(UnexpectedCallError);
  });

  it("takes the call that brings it in, and no other", () => {
    expect(() => assertPurchase(purchase("plan", 30_000_000n, payer), payment(), payer, chain)).not.toThrow();
    for (const wrong of [
      purchase("license", 30_000_000n, payer),
      purchase("plan", 30_000_001n, payer),
      purchase("plan", 30_000_000n, other),
      call("0x"),
    ])
      expect(() => assertPurchase(wrong, payment(), payer, chain)).toThrow(UnexpectedCallError);
  });

  it("takes a purchase by the function of its purpose only", () => {
    const buyPlan = encodeFunctionData({
      abi: aiforgeAbi,
      functionName: "buyPlan",
      args: [2, 1n, 30_000_000n, account, 0],
    });
    expect(() => assertPayment(call(buyPlan), payment(), chain)).not.toThrow();
    expect(() => assertPayment(call(buyPlan), { ...payment(), purpose: "license" }, chain)).toThrow();
    expect(() => assertPayment(call(buyPlan, other as typeof known.aiforge), payment(), chain)).toThrow();
  });
});

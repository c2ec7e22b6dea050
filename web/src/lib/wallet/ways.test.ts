import { aiforgeAbi, deployments, PERMIT2, splitId } from "@aiforge/contracts";
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
    witness: {
      kind: "plan",
      item: `0x${"2".padStart(64, "0")}`,
      account: account as string,
      months: "1",
      maxPrice: "30000000",
      splitId: zeroHash as string,
    },
  },
});
const payment = (typedData = permit()) =>
  ({
    purpose: "plan",
    amount: "30.00",
    account,
    plan: 2,
    months: 1,
    dailyCap: null,
    shares: [{ kind: "pool", address: null, bps: 7000 }],
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
    ["another plan", (data) => (data.message.witness.item = zeroHash)],
    ["other months", (data) => (data.message.witness.months = "12")],
    ["another split", (data) => (data.message.witness.splitId = account)],
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

  type Plan = readonly [plan: number, months: bigint, price: bigint, account: `0x${string}`, source: 0 | 1];
  const buyPlan = (...args: Plan) =>
    call(encodeFunctionData({ abi: aiforgeAbi, functionName: "buyPlan", args }));
  const shown = buyPlan(2, 1n, 30_000_000n, account, 0);

  it("takes a purchase by the function of its purpose only", () => {
    expect(() => assertPayment(shown, payment(), chain, "wallet")).not.toThrow();
    expect(() => assertPayment(shown, { ...payment(), purpose: "license" }, chain, "wallet")).toThrow();
    const elsewhere = call(shown.data, other as typeof known.aiforge);
    expect(() => assertPayment(elsewhere, payment(), chain, "wallet")).toThrow();
  });

  it.each<[string, Plan]>([
    ["another plan", [3, 1n, 30_000_000n, account, 0]],
    ["other months", [2, 2n, 30_000_000n, account, 0]],
    ["a higher price", [2, 1n, 30_000_001n, account, 0]],
    ["another account", [2, 1n, 30_000_000n, zeroHash, 0]],
    ["the credit instead of the wallet", [2, 1n, 30_000_000n, account, 1]],
  ])("refuses a call that buys for %s", (_, args) => {
    expect(() => assertPayment(buyPlan(...args), payment(), chain, "wallet")).toThrow(UnexpectedCallError);
  });

  it("refuses a purchase that other people share than the page shows", () => {
    const members = [{ kind: "member", address: payer.toLowerCase(), bps: 10_000 }];
    const license = { ...payment(), purpose: "license", months: 0, plan: null, shares: members } as Payment;
    const buy = (by: `0x${string}`) =>
      call(
        encodeFunctionData({
          abi: aiforgeAbi,
          functionName: "buyLicense",
          args: [zeroHash, 30_000_000n, splitId({ members: [by], bps: [10_000] }), account, 1],
        }),
      );
    expect(() => assertPayment(buy(payer), license, chain, "credit")).not.toThrow();
    expect(() => assertPayment(buy(other), license, chain, "credit")).toThrow(UnexpectedCallError);
  });
});

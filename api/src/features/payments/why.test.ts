import { demoAccount, parseUsdt, tetherEthereumBytecode, usdtAbi } from "@aiforge/contracts";
import {
  concat,
  encodeErrorResult,
  getContractAddress,
  type Hex,
  numberToHex,
  pad,
  parseAbi,
  size,
  zeroHash,
} from "viem";
import type { PrivateKeyAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChain, testClient } from "../../../../scripts/testing/chain.ts";
import { usdtCall } from "../../chain/calls.ts";
import { readChain } from "../../chain/read.ts";
import { HangingNode } from "../../testing/hanging-node.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, paymentIn, sign } from "../../testing/market.ts";
import { quote, sendUsdt } from "../../testing/plain-transfers.ts";
import { bodyOf, type TestWalletUser, walletUser } from "../../testing/users.ts";
import { cashierRound } from "./cashier/round.ts";
import { cashierOf } from "./cashier/wallet.ts";
import type { PaymentView } from "./shapes.ts";

const CASHIER = demoAccount("cashier").address;

let api: TestApi;
let exchange: PrivateKeyAccount;
let buyer: TestWalletUser;
let payment: PaymentView;

beforeAll(async () => {
  api = await createTestApi();
  exchange = await fundedWallet(api.rpcUrl, 1_000_000_000n);
  buyer = await fundedUser(api);
  payment = await quote(buyer, { purpose: "plan", plan: 1 });
});
afterAll(() => api.close());

const chain = () => api.deps.chains.get(CHAIN);
const client = () => testClient(api.rpcUrl);

async function why(txHash: string, { user = buyer, id = payment.id } = {}) {
  const response = await user.call("POST", "/api/payments/verify", { paymentId: id, txHash });
  expect(response.status).toBe(200);
  const { reason } = await bodyOf<PaymentView>(response);
  if (reason) for (const text of [reason.message, reason.hint]) expect(text).toMatch(/\.$/);
  return reason;
}

async function mined(hash: Hex): Promise<Hex> {
  await client().waitForTransactionReceipt({ hash });
  return hash;
}

const asked = ({ ways }: PaymentView) => parseUsdt(ways!.transfer!.amount);

describe("why a payment is not here", () => {
  it("because nobody knows the transaction", async () => {
    expect(await why(zeroHash)).toMatchObject({ code: "unknown_transaction" });
  });

  it("because it is on another network", async () => {
    const elsewhere = await startChain({ blockTime: 1 });
    const both = await createTestApi({
      CHAIN_IDS: "31337,11155111",
      RPC_URL_11155111: elsewhere.rpcUrl,
      AIFORGE_ADDRESS_11155111: chain().aiforge,
      USDT_ADDRESS_11155111: chain().usdt,
    });
    try {
      const user = await walletUser(both);
      const { id } = await quote(user, { purpose: "plan", plan: 1 });
      const there = testClient(elsewhere.rpcUrl);
      const [account] = await there.getAddresses();
      const hash = await there.sendTransaction({ account: account!, to: CASHIER, value: 1n });
      const reason = await why(hash, { user, id });
      expect(reason).toMatchObject({ code: "other_network" });
      expect(reason!.message).toBe(
        "This transaction is on Sepolia; the payment is to be made on Local chain.",
      );
      expect(await why(zeroHash, { user, id })).toMatchObject({ code: "unknown_transaction" });
    } finally {
      await both.close();
      await elsewhere.stop();
    }
  });

  it("because a token was sent that only calls itself USDT", async () => {
    const args = [1_000_000_000n] as const;
    const hash = await client().deployContract({
      account: exchange,
      abi: usdtAbi,
      bytecode: tetherEthereumBytecode,
      args,
    });
    const { contractAddress: fake } = await client().waitForTransactionReceipt({ hash });
    const sent = await client().writeContract({
      account: exchange,
      address: fake!,
      abi: usdtAbi,
      functionName: "transfer",
      args: [CASHIER, asked(payment)],
    });
    const reason = await why(await mined(sent));
    expect(reason).toMatchObject({ code: "wrong_token" });
    expect(reason!.message).toBe(
      `This transaction sent a token that calls itself USDT and is not: ${fake!.toLowerCase()}.`,
    );
    expect(reason!.hint).toContain(chain().usdt);
  });

  it("because another token was sent, or the chain's own coin", async () => {
    const nonce = await client().getTransactionCount({ address: exchange.address });
    const token = getContractAddress({ from: exchange.address, nonce: BigInt(nonce) });
    const sent = await client().sendTransaction({ account: exchange, data: emitTransfer(CASHIER) });
    expect(await why(await mined(sent))).toMatchObject({
      code: "wrong_token",
      message: "This transaction sent another token, not the USDT of Local chain.",
    });
    expect(await client().getCode({ address: token })).toBeUndefined();
    const coin = await client().sendTransaction({ account: exchange, to: CASHIER, value: 10n ** 15n });
    expect(await why(await mined(coin))).toMatchObject({
      code: "wrong_token",
      message: "This transaction sent the coin of Local chain, not USDT.",
    });
  });

  it("and asks no address that a token names", async () => {
    const named = await HangingNode.open();
    try {
      const nonce = await client().getTransactionCount({ address: exchange.address });
      const sender = getContractAddress({ from: exchange.address, nonce: BigInt(nonce) });
      const lookup = encodeErrorResult({
        abi: parseAbi(["error OffchainLookup(address, string[], bytes, bytes4, bytes)"]),
        args: [sender, [named.url], "0x", "0x00000000", "0x"],
      });
      const sent = await client().sendTransaction({
        account: exchange,
        data: emitTransfer(CASHIER, (at) => becoming(at, reverting(lookup))),
      });
      expect(await why(await mined(sent))).toMatchObject({
        code: "wrong_token",
        message: "This transaction sent another token, not the USDT of Local chain.",
      });
      expect(await client().getCode({ address: sender })).toContain(lookup.slice(2));
      expect(named.taken).toBe(0);
      expect(await readChain(chain(), async () => "open")).toBe("open");
    } finally {
      await named.close();
    }
  });

  it("because USDT went to somebody else, or straight to the contract", async () => {
    const elsewhere = await sendUsdt(api, exchange, buyer.wallet.address, asked(payment));
    const reason = await why(elsewhere);
    expect(reason).toMatchObject({ code: "wrong_recipient" });
    expect(reason!.hint).toBe(`Transfers for this payment go to ${CASHIER.toLowerCase()}.`);
    const donated = await why(await sendUsdt(api, exchange, chain().aiforge, 1n));
    expect(donated).toMatchObject({ code: "wrong_recipient" });
    expect(donated!.message).toContain("straight to the contract");
  });

  it("because the transfer failed", async () => {
    const call = usdtCall(chain(), "transfer", [CASHIER, 10n ** 15n]);
    const hash = await sign(api, exchange, call, { mayRevert: true });
    expect(await why(hash)).toMatchObject({
      code: "reverted",
      message: "USDT refused this transfer, so nothing was sent.",
    });
  });

  it("because it waits: to be mined, for confirmations, to be matched, to be bought; and then it is there", async () => {
    const user = await walletUser(api);
    const own = await quote(user, { purpose: "plan", plan: 1 });
    const ask = (hash: string) => why(hash, { user, id: own.id });
    await client().setIntervalMining({ interval: 0 });
    let hash: Hex;
    try {
      const call = usdtCall(chain(), "transfer", [CASHIER, asked(own)]);
      const sending = { to: call.to as Hex, data: call.data as Hex, gas: 200_000n };
      hash = await client().sendTransaction({ account: exchange, ...sending });
      expect((await ask(hash))!.message).toBe("0 of 3 confirmations.");
      for (const confirmations of [1, 2]) {
        await client().mine({ blocks: 1 });
        expect((await ask(hash))!.message).toBe(`${confirmations} of 3 confirmations.`);
      }
      await client().mine({ blocks: 1 });
      expect(await ask(hash)).toMatchObject({ code: "matching" });
      expect((await paymentIn(user, own.id, "seen")).received).toMatchObject({ outcome: "arriving" });

      // Further than deciding it does not get, while nothing is mined.
      const account = cashierOf(chain())!;
      await eventually("the transfer is decided", async () => {
        await cashierRound(api.deps, chain(), account);
        return (await ask(hash))?.code === "purchasing";
      });
      expect(await paymentIn(user, own.id, "seen")).toMatchObject({ reason: { code: "purchasing" } });
    } finally {
      await client().setIntervalMining({ interval: 1 });
    }
    await eventually("the purchase is made", async () => {
      await cashierRound(api.deps, chain(), cashierOf(chain())!);
      return (await ask(hash)) === null;
    });
    await paymentIn(user, own.id, "confirmed");
    // For anybody else's payment it is used, and says no more.
    expect(await why(hash)).toMatchObject({ code: "already_used" });
  });
});

/** Creation code that says, as a token, that it moved one unit to `to`; it leaves no contract. */
function emitTransfer(to: Hex, then: (at: number) => Hex = () => "0x00"): Hex {
  const push = (value: Hex) => concat(["0x7f", pad(value)]);
  const store = concat([push(numberToHex(1)), "0x5f52"]);
  const topics = [
    push(to),
    push(exchange.address),
    push("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"),
  ];
  const emit = concat([store, ...topics, "0x60205fa3"]);
  return concat([emit, then(size(emit))]);
}

const push2 = (value: number) => concat(["0x61", numberToHex(value, { size: 2 })]);

/** The end of a constructor, at `at` in its code: the contract is `code`. */
function becoming(at: number, code: Hex): Hex {
  const length = push2(size(code));
  return concat([length, push2(at + 13), "0x5f39", length, "0x5ff3", code]);
}

/** A contract that reverts with `data`, whatever it is asked. */
function reverting(data: Hex): Hex {
  const length = push2(size(data));
  return concat([length, push2(13), "0x5f39", length, "0x5ffd", data]);
}

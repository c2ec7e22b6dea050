import { aiforgeAbi, aiforgeBytecode, tetherTronBytecode, usdtAbi } from "@aiforge/contracts";
import type { TronWeb } from "tronweb";
import { type Hex, keccak256, parseEventLogs, zeroAddress } from "viem";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TronDevnet } from "../src/index.ts";
import { addressOf, client, deploy, KEYS, startTestDevnet, TRX } from "./client.ts";

const USDT = 1_000_000n;
const ACCOUNT = `0x${"5a".repeat(32)}`;

let devnet: TronDevnet;
let tron: TronWeb;
let usdt: string;
let aiforge: string;
/** Owns the contracts and the treasury. */
const alice = addressOf(KEYS.alice);
const bob = addressOf(KEYS.bob);

beforeAll(async () => {
  devnet = await startTestDevnet();
  tron = client(devnet.url);
  usdt = await deploy(devnet, tron, {
    abi: usdtAbi,
    bytecode: tetherTronBytecode,
    parameters: [1000n * USDT],
  });
  aiforge = await deploy(devnet, tron, {
    abi: aiforgeAbi,
    bytecode: aiforgeBytecode,
    parameters: [usdt, zeroAddress, alice, bob, alice, 86_400],
  });
  await send(KEYS.alice, usdt, "transfer(address,uint256)", [
    { type: "address", value: bob },
    { type: "uint256", value: String(100n * USDT) },
  ]);
});
afterAll(() => devnet.close());

async function send(key: string, contract: string, selector: string, parameters: object[]) {
  const sender = client(devnet.url, key);
  const { transaction } = await sender.transactionBuilder.triggerSmartContract(
    contract,
    selector,
    { txLocal: true, feeLimit: 100 * TRX },
    parameters as never,
  );
  const sent = await sender.trx.sendRawTransaction(await sender.trx.sign(transaction));
  expect(sent.result).toBe(true);
  await devnet.mine();
  const info = await sender.trx.getUnconfirmedTransactionInfo(sent.txid);
  expect(info.receipt.result).toBe("SUCCESS");
  return info;
}

async function balanceOf(holder: string): Promise<bigint> {
  const { constant_result } = await tron.transactionBuilder.triggerConstantContract(
    usdt,
    "balanceOf(address)",
    {},
    [{ type: "address", value: holder }],
  );
  return BigInt(`0x${constant_result[0]}`);
}

/** The contract's own events, decoded by the ABI that it has on Ethereum. */
function eventsOf(log: { address: string; topics: string[]; data: string }[]) {
  const logs = log.map(({ address, topics, data }) => ({
    address: `0x${address}`,
    topics: topics.map((topic) => `0x${topic}`),
    data: `0x${data}`,
  }));
  return parseEventLogs({ abi: aiforgeAbi, logs: logs as never }).map(({ eventName, args }) => ({
    eventName,
    args,
  }));
}

test("the bytecode is the same as on Ethereum, by its hash", async () => {
  const { bytecode } = await tron.trx.getContract(aiforge);
  const deployed = `0x${bytecode.slice(0, aiforgeBytecode.length - 2)}` as Hex;
  expect(keccak256(deployed)).toBe(keccak256(aiforgeBytecode));
});

test("a plan is bought with Tron's USDT, and the platform's part is withdrawn", async () => {
  const price = 10n * USDT;
  await send(KEYS.bob, usdt, "approve(address,uint256)", [
    { type: "address", value: aiforge },
    { type: "uint256", value: String(price) },
  ]);
  const bought = await send(KEYS.bob, aiforge, "buyPlan(uint8,uint256,uint256,bytes32,uint8)", [
    { type: "uint8", value: 1 },
    { type: "uint256", value: 1 },
    { type: "uint256", value: String(price) },
    { type: "bytes32", value: ACCOUNT },
    { type: "uint8", value: 0 },
  ]);
  expect(bought.log).toHaveLength(2);
  expect(bought.log[0]?.address).toBe(tron.address.toHex(usdt).slice(2));
  expect(eventsOf(bought.log)).toEqual([
    {
      eventName: "PlanPurchased",
      args: expect.objectContaining({ plan: 1, account: ACCOUNT, price, fee: 3n * USDT, funded: 7n * USDT }),
    },
  ]);
  expect(await balanceOf(aiforge)).toBe(price);
  expect(await balanceOf(bob)).toBe(90n * USDT);

  await send(KEYS.bob, aiforge, "collectFees()", []);
  const before = await balanceOf(alice);
  // transfer() returns false here although it succeeds: the contract looks at the balance instead.
  const withdrawn = await send(KEYS.alice, aiforge, "withdraw(address,uint256)", [
    { type: "address", value: alice },
    { type: "uint256", value: String(3n * USDT) },
  ]);
  expect(eventsOf(withdrawn.log)).toEqual([
    { eventName: "Withdrawn", args: expect.objectContaining({ amount: 3n * USDT, credit: 0n }) },
  ]);
  expect(await balanceOf(alice)).toBe(before + 3n * USDT);
  expect(await balanceOf(aiforge)).toBe(7n * USDT);
});

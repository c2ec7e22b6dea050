import { utils } from "tronweb";
import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  custom,
  encodeFunctionData,
  getAddress,
  HttpRequestError,
  parseEventLogs,
  zeroAddress,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { TronDevnet } from "../../../scripts/tron-devnet/src/index.ts";
import {
  addressOf,
  deploy,
  KEYS,
  startTestDevnet,
  client as tronWeb,
} from "../../../scripts/tron-devnet/test/client.ts";
import { isAiforgeCode } from "../aiforgeCode.ts";
import { aiforgeAbi } from "../compiled/aiforgeAbi.ts";
import { aiforgeBytecode } from "../compiled/aiforgeBytecode.ts";
import { tetherTronBytecode } from "../compiled/tetherTronBytecode.ts";
import { usdtAbi } from "../compiled/usdtAbi.ts";
import { tronAddress } from "../tronAddress.ts";
import { readBlock } from "./blocks.ts";
import {
  broadcastTron,
  buildTronCall,
  estimateTronFee,
  recoverTronMessage,
  TronBroadcastError,
  type TronLostProgress,
  tronLost,
  tronMessageHash,
  tronTransport,
} from "./index.ts";
import type { TronJson } from "./node.ts";

const USDT = 1_000_000n;
const alice = addressOf(KEYS.alice);
const bob = addressOf(KEYS.bob);
const aliceKey = privateKeyToAccount(`0x${KEYS.alice}`);

let devnet: TronDevnet;
let usdt: `0x${string}`;
let aiforge: `0x${string}`;

const clientOf = (url: string, timeoutMs = 60_000) =>
  createPublicClient({ transport: tronTransport(url, { timeoutMs, retryCount: 0 }) });
let client: ReturnType<typeof clientOf>;

beforeAll(async () => {
  devnet = await startTestDevnet();
  const tron = tronWeb(devnet.url);
  usdt = tronAddress(
    await deploy(devnet, tron, {
      abi: usdtAbi,
      bytecode: tetherTronBytecode,
      parameters: [1000n * USDT],
    }),
  );
  aiforge = tronAddress(
    await deploy(devnet, tron, {
      abi: aiforgeAbi,
      bytecode: aiforgeBytecode,
      parameters: [usdt, zeroAddress, alice, bob, alice, 86_400],
    }),
  );
  client = clientOf(devnet.url);
});
beforeEach(() => devnet.backends[0]?.faults.clear());
afterAll(() => devnet?.close());

const transferData = (to: `0x${string}`, amount: bigint) =>
  encodeFunctionData({ abi: usdtAbi, functionName: "transfer", args: [to, amount] });

/** Estimates, builds, signs as a wallet does, and sends. */
async function transfer(to: string, amount: bigint): Promise<`0x${string}`> {
  const data = transferData(getAddress(tronAddress(to)), amount);
  const call = { from: alice, to: usdt, data };
  const { feeLimitSun } = await estimateTronFee({ client, ...call });
  const built = await buildTronCall({ client, ...call, feeLimit: feeLimitSun });
  // tronweb finds the same bytes for these fields, so a wallet shows and signs what was meant.
  expect(utils.transaction.txCheck(built)).toBe(true);
  const signature = await aliceKey.sign({ hash: `0x${built.txID}` });
  return broadcastTron(client, { ...built, signature: [signature.slice(2)] });
}

test("viem reads the chain, its blocks and its contracts", async () => {
  expect(await client.getChainId()).toBe(devnet.chainId);
  await devnet.mine(20);
  const latest = await client.getBlock();
  expect(latest.number).toBe(BigInt(devnet.head()));
  expect(await client.getBlockNumber({ cacheTime: 0 })).toBe(latest.number);
  const solid = await client.getBlock({ blockTag: "finalized" });
  expect(solid.number).toBe(BigInt(devnet.solid()));
  const same = await client.getBlock({ blockHash: latest.hash });
  expect(same).toEqual(await client.getBlock({ blockNumber: latest.number }));
  // Seconds, and 3 of them a block.
  expect(latest.timestamp - solid.timestamp).toBe(3n * (latest.number - solid.number));
  await expect(client.getBlock({ blockNumber: latest.number + 1n })).rejects.toThrow("could not be found");

  expect(await client.readContract({ abi: aiforgeAbi, address: aiforge, functionName: "token" })).toBe(
    getAddress(usdt),
  );
  expect(isAiforgeCode(await client.getCode({ address: aiforge }))).toBe(true);
  expect(await client.getCode({ address: tronAddress(bob) })).toBeUndefined();
  expect(await client.getBalance({ address: tronAddress(bob) })).toBe(100_000_000_000n);
  expect(await client.getGasPrice()).toBe(100n);
});

test("what the contract refuses comes decoded, and old state is refused", async () => {
  const refused = await client
    .simulateContract({
      abi: aiforgeAbi,
      address: aiforge,
      functionName: "withdraw",
      args: [tronAddress(bob), 5n * USDT],
      account: tronAddress(bob),
    })
    .catch((error: unknown) => error);
  const reason = (refused as BaseError).walk((each) => each instanceof ContractFunctionRevertedError);
  expect((reason as ContractFunctionRevertedError).data?.errorName).toBe("InsufficientCredit");
  const call = { abi: aiforgeAbi, address: aiforge, functionName: "token" } as const;
  await expect(client.readContract({ ...call, blockNumber: 1n })).rejects.toThrow(
    "keeps no state of an older block",
  );
  await expect(client.getLogs({ address: aiforge })).rejects.toThrow(/does not exist|not supported/);
});

test("a call is estimated, built here, signed and found again with its logs", async () => {
  const balance = () => client.getBalance({ address: tronAddress(alice) });
  const before = await balance();
  // Two in one block: the second one's logs come after the first one's.
  const first = await transfer(bob, 3n * USDT);
  const second = await transfer(bob, 4n * USDT);
  expect(first).not.toBe(second);
  expect(await client.getTransaction({ hash: second })).toMatchObject({ blockNumber: null, to: usdt });
  await expect(client.getTransactionReceipt({ hash: second })).rejects.toThrow("could not be found");
  await devnet.mine();

  const receipt = await client.getTransactionReceipt({ hash: second });
  expect(receipt).toMatchObject({
    status: "success",
    blockNumber: BigInt(devnet.head()),
    transactionIndex: 1,
    from: tronAddress(alice),
    to: usdt,
  });
  const [log] = parseEventLogs({ abi: usdtAbi, eventName: "Transfer", logs: receipt.logs });
  expect(log).toMatchObject({ logIndex: 1, address: usdt, transactionHash: second });
  expect(log?.args).toMatchObject({ to: getAddress(tronAddress(bob)), value: 4n * USDT });
  expect(receipt.blockHash).toBe((await client.getBlock()).hash);
  expect(await client.getTransaction({ hash: second })).toMatchObject({ blockNumber: receipt.blockNumber });

  const other = await client.getTransactionReceipt({ hash: first });
  const cost = [receipt, other].reduce((sum, { gasUsed, effectiveGasPrice }) => {
    return sum + gasUsed * effectiveGasPrice;
  }, 0n);
  const paid = before - (await balance());
  // Bytes that are not free are part of the fee, so the price of one energy is not always a whole number.
  const rounding = receipt.gasUsed + other.gasUsed;
  expect(cost > paid ? cost - paid : paid - cost).toBeLessThan(rounding);
});

test("the fee limit follows from the estimate, and too little of it fails on the chain", async () => {
  const data = transferData(getAddress(tronAddress(bob)), USDT);
  const call = { from: alice, to: usdt, data };
  const fee = await estimateTronFee({ client, ...call });
  expect(fee.feeLimitSun).toBe((fee.energy * 100n * 13n + 9n) / 10n);
  // The limit is of energy alone: a thousand sun for each byte of it may come on top.
  const bytes = (fee.mostSun - fee.feeLimitSun) / 1000n;
  expect(bytes).toBeGreaterThan(BigInt(data.length / 2));
  expect(bytes).toBeLessThan(600n);
  const built = await buildTronCall({ url: devnet.url, ...call, feeLimit: fee.energy * 50n });
  const signature = await aliceKey.sign({ hash: `0x${built.txID}` });
  const hash = await broadcastTron(devnet.url, { ...built, signature: [signature] });
  await devnet.mine();
  expect(await client.getTransactionReceipt({ hash })).toMatchObject({ status: "reverted", logs: [] });

  // Sent again it is there already; signed by another it is refused.
  expect(await broadcastTron(client, { ...built, signature: [signature] })).toBe(hash);
  const again = await buildTronCall({ client, ...call, feeLimit: fee.feeLimitSun });
  const wrong = await privateKeyToAccount(`0x${KEYS.bob}`).sign({ hash: `0x${again.txID}` });
  const refused = await broadcastTron(client, { ...again, signature: [wrong] }).catch((e: unknown) => e);
  expect(refused).toBeInstanceOf(TronBroadcastError);
  expect((refused as TronBroadcastError).code).toBe("SIGERROR");
});

test("a transaction is lost when it expired and no solid block has it, and not before that is certain", async () => {
  const faults = devnet.backends[0]!.faults;
  const data = transferData(getAddress(tronAddress(bob)), USDT);
  const build = async () => {
    const call = { from: alice, to: usdt, data };
    const { feeLimitSun } = await estimateTronFee({ client, ...call });
    const built = await buildTronCall({ client, ...call, feeLimit: feeLimitSun });
    return { ...built, signature: [await aliceKey.sign({ hash: `0x${built.txID}` })] };
  };
  const never = await build();
  const late = await build();
  // 20 blocks of 3 seconds until they expire: the last block that takes one is the one upon the 19th.
  await devnet.mine(19);
  await broadcastTron(client, late);
  await devnet.mine();
  expect(await client.getTransactionReceipt({ hash: `0x${late.txID}` })).toMatchObject({ status: "success" });
  await devnet.mine(17);
  // Expired, but not solid: a block that has it may come to light yet.
  expect(await tronLost(client, never)).toBe(false);
  await devnet.mine(3);
  // A node that lags does not have the block it refers to.
  faults.add({ kind: "empty", path: "walletsolidity/getblockbynum", times: 1 });
  expect(await tronLost(client, never)).toBe(false);
  // The node that is asked for the blocks has none, or lacks one of them.
  faults.add({ kind: "empty", path: "walletsolidity/getblockbylimitnext", times: 1 });
  expect(await tronLost(client, never)).toBe(false);
  const knowsNot = (num: number) => {
    const request = async (asked: { params: [string, object] }) => {
      const answer = (await client.request(asked as never)) as { block?: TronJson[] };
      const numberOf = (json: TronJson) => readBlock(json)?.number;
      return answer.block ? { block: answer.block.filter((json) => numberOf(json) !== num) } : answer;
    };
    return createPublicClient({ transport: custom({ request: request as never }) });
  };
  const last = devnet.head() - 18;
  for (const num of [last - 19, last - 10, last - 2]) {
    expect(await tronLost(knowsNot(num), never), `block ${num}`).toBe(false);
  }
  // What was read once is not asked for again, not even the block it refers to.
  const read: TronLostProgress = {};
  expect(await tronLost(knowsNot(last - 2), never, read)).toBe(false);
  faults.add({ kind: "empty", path: "walletsolidity/getblockbynum", times: 1 });
  expect(await tronLost(knowsNot(last - 19), never, read)).toBe(true);
  faults.clear();
  expect(await tronLost(client, never, read)).toBe(true);
  // Unless it does not fit what comes next.
  const other: TronLostProgress = { last: { ...read.last!, number: last - 10 } };
  expect(await tronLost(client, never, other)).toBe(false);
  expect(await tronLost(client, never, other)).toBe(true);
  expect(await tronLost(client, never)).toBe(true);
  expect(await tronLost(client, late)).toBe(false);
});

test("a node that refuses or stays silent fails as an RPC node does", async () => {
  const faults = devnet.backends[0]!.faults;
  for (const kind of [429, 403, 503] as const) {
    faults.add({ kind, times: 1 });
    const error = await client.getBlockNumber({ cacheTime: 0 }).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(HttpRequestError);
    expect((error as HttpRequestError).status).toBe(kind);
  }
  faults.add({ kind: "empty", times: 1 });
  await expect(client.getBlockNumber({ cacheTime: 0 })).rejects.toBeInstanceOf(BaseError);
  faults.add({ kind: "timeout", times: 1 });
  await expect(clientOf(devnet.url, 300).getBlockNumber({ cacheTime: 0 })).rejects.toThrow("took too long");
  // Once is asked again.
  faults.add({ kind: 429, times: 1 });
  const patient = createPublicClient({ transport: tronTransport(devnet.url) });
  expect(await patient.getBlockNumber({ cacheTime: 0 })).toBe(BigInt(devnet.head()));
});

test("a text that a Tron wallet signed recovers its signer", async () => {
  const tron = tronWeb(devnet.url);
  const text = "Sign in to AIForge – ünïcode 🙂";
  const signature = (await tron.trx.signMessageV2(text)) as `0x${string}`;
  expect(await recoverTronMessage(text, signature)).toBe(tronAddress(alice));
  expect(tronMessageHash(text)).toBe(utils.message.hashMessage(text));
  expect(await recoverTronMessage(`${text}.`, signature)).not.toBe(tronAddress(alice));
  // The older header, where the length is always 32.
  const old = (await tron.trx.signMessage(`0x${Buffer.from(text).toString("hex")}`)) as `0x${string}`;
  expect(await recoverTronMessage(text, old)).not.toBe(tronAddress(alice));
});

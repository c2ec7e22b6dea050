import {
  demoAccount,
  LOCAL_TRON_ID,
  showTronAddress,
  tetherTronBytecode,
  tronAddress,
  usdtAbi,
} from "@aiforge/contracts";
import { buildTronCall, recoverTronMessage, tronTransport } from "@aiforge/contracts/tron";
import { startTronDevnet, type TronDevnet } from "@aiforge/tron-devnet";
import { type Address, createPublicClient, encodeFunctionData } from "viem";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { deploy, client as tronWeb } from "../../../../../scripts/tron-devnet/test/client.ts";
import type { DemoPrompt } from "../demoWallet.ts";
import { createTronDemoWallet } from "./demo.ts";
import { dripTron } from "./faucet.ts";
import { providerWallet } from "./provider.ts";
import type { TronProvider, TronWallet } from "./types.ts";

const usdt: Address = `0x${"5d".repeat(20)}`;
const aiforge: Address = `0x${"a1".repeat(20)}`;
const customer = demoAccount("customer");
const spare = demoAccount("spare");
const lower = (address: string) => address.toLowerCase();

let devnet: TronDevnet;
let asked: DemoPrompt[];
let answer: (prompt: DemoPrompt) => Address | null;
let provider: TronProvider;
let wallet: TronWallet;
let changes = 0;

beforeAll(async () => {
  devnet = await startTronDevnet({ blockTime: 0 });
}, 60_000);
afterAll(() => devnet?.close());

const at = (rpcUrl: string, storage?: Pick<Storage, "getItem" | "setItem" | "removeItem">) =>
  createTronDemoWallet({
    chain: { chain: "tron:0x74646576", rpcUrl, aiforge, usdt },
    ask: async (prompt) => {
      asked.push(prompt);
      return answer(prompt);
    },
    ...(storage && { storage }),
  });
beforeEach(() => {
  asked = [];
  changes = 0;
  answer = (prompt) => (prompt.kind === "connect" ? customer.address : prompt.account.address);
  provider = at(devnet.url);
  wallet = providerWallet(provider, () => changes++);
});

const build = (from: Address = customer.address) =>
  buildTronCall({
    client: createPublicClient({ transport: tronTransport(devnet.url) }),
    from,
    to: usdt,
    data: encodeFunctionData({ abi: usdtAbi, functionName: "transfer", args: [spare.address, 2_500_000n] }),
    feeLimit: 7_000_000n,
  });

describe("the demo wallet on Tron", () => {
  it("offers the people of the demo, and is connected only once its person chose one", async () => {
    expect(wallet.address).toBeNull();
    expect(await wallet.resume()).toBeNull();
    expect(asked).toEqual([]);
    expect(await wallet.connect()).toBe(lower(customer.address));
    expect(asked[0]).toMatchObject({ kind: "connect", chain: "tron:0x74646576" });
    expect(provider.tronWeb).toMatchObject({ defaultAddress: { base58: showTronAddress(customer.address) } });
    expect(await wallet.chainId()).toBe(LOCAL_TRON_ID);
    answer = () => spare.address;
    await wallet.switchAccount();
    expect(wallet.address).toBe(lower(spare.address));
    expect(changes).toBe(1);
    await wallet.disconnect();
    expect(wallet.address).toBeNull();
  });

  it("remembers its account, and not the answers", async () => {
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
      removeItem: (key: string) => void kept.delete(key),
    };
    await providerWallet(at(devnet.url, storage), () => {}).connect();
    const again = providerWallet(at(devnet.url, storage), () => {});
    expect(await again.resume()).toBe(lower(customer.address));
    answer = () => null;
    await expect(again.signMessage("Hello")).rejects.toMatchObject({ code: 4001 });
  });

  it("signs a text as signMessageV2 does, after its person saw that very text", async () => {
    await wallet.connect();
    const text = "AIForge wants you to sign in.\n\nNonce: 1 – ü";
    const signature = (await wallet.signMessage(text)) as `0x${string}`;
    expect(await recoverTronMessage(text, signature)).toBe(lower(customer.address));
    expect(asked.at(-1)).toMatchObject({ kind: "sign", text });
  });

  it("describes what the bytes say, and signs that", async () => {
    await wallet.connect();
    const transaction = await build();
    // The JSON beside the bytes is not what is signed.
    const lying = { ...transaction, raw_data: { ...transaction.raw_data, fee_limit: 1 } };
    const signed = await wallet.signTransaction(lying);
    const prompt = asked.at(-1);
    expect(prompt?.kind === "send" && prompt.description).toEqual({
      title: "Send 2.50 USDT",
      details: [
        { label: "To", value: showTronAddress(spare.address) },
        { label: "Network fee at most", value: "7.00 TRX" },
      ],
    });
    const web = await import("tronweb");
    const owner = web.utils.crypto.ecRecover(signed.txID, signed.signature[0] as string);
    expect(web.TronWeb.address.fromHex(owner)).toBe(showTronAddress(customer.address));
  });

  it("signs nothing without its person's yes, for another account, or that is not what it says", async () => {
    await expect(wallet.signTransaction(await build())).rejects.toThrow("not connected");
    await wallet.connect();
    const transaction = await build();
    answer = () => null;
    await expect(wallet.signTransaction(transaction)).rejects.toMatchObject({ code: 4001 });
    asked = [];
    await expect(wallet.signTransaction(await build(spare.address))).rejects.toMatchObject({ code: 4100 });
    await expect(wallet.signTransaction({ ...transaction, txID: "00".repeat(32) })).rejects.toMatchObject({
      code: -32602,
    });
    expect(asked).toEqual([]);
  });

  it("refuses every other chain: one that it is asked to switch to, and one that its node turns out to be", async () => {
    await wallet.connect();
    await expect(wallet.switchChain(0x2b6653dc)).rejects.toMatchObject({ code: 4902 });
    await wallet.switchChain(LOCAL_TRON_ID);
    const elsewhere = await startTronDevnet({ blockTime: 0, chainId: 0x2b6653dc });
    try {
      const misled = providerWallet(at(elsewhere.url), () => {});
      await misled.connect();
      await expect(misled.signMessage("Hello")).rejects.toMatchObject({ code: 4902 });
    } finally {
      await elsewhere.close();
    }
  });
});

describe("the faucet on Tron", () => {
  it("sends TRX and USDT from its account, on the local chain only", async () => {
    const { address, privateKey } = demoAccount("faucet");
    const accounts = { [showTronAddress(address)]: 20_000_000_000n };
    await using chain = await startTronDevnet({ blockTime: 0, accounts });
    const tron = tronWeb(chain.url, privateKey.slice(2));
    const parameters = [5_000_000_000n];
    const token = await deploy(chain, tron, { abi: usdtAbi, bytecode: tetherTronBytecode, parameters });
    const newcomer: Address = `0x${"77".repeat(20)}`;
    const mining = setInterval(() => void chain.mine(), 50);
    try {
      await dripTron({ url: chain.url, usdt: tronAddress(token), to: newcomer });
    } finally {
      clearInterval(mining);
    }
    const client = createPublicClient({ transport: tronTransport(chain.url) });
    expect(await client.getBalance({ address: newcomer })).toBe(100_000_000n);
    const held = { address: tronAddress(token), abi: usdtAbi, functionName: "balanceOf" } as const;
    expect(await client.readContract({ ...held, args: [newcomer] })).toBe(1_000_000_000n);
  });

  it("does nothing elsewhere", async () => {
    await using chain = await startTronDevnet({ blockTime: 0, chainId: 0x2b6653dc });
    await expect(dripTron({ url: chain.url, usdt, to: spare.address })).rejects.toThrow("local Tron only");
  });
});

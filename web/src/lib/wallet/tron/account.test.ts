import {
  aiforgeAbi,
  aiforgeBytecode,
  showTronAddress,
  tetherTronBytecode,
  tronAddress,
  usdtAbi,
} from "@aiforge/contracts";
import { tronTransport } from "@aiforge/contracts/tron";
import type { TronDevnet } from "@aiforge/tron-devnet";
import { type Address, createPublicClient, encodeFunctionData, type Hex, zeroAddress } from "viem";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  addressOf,
  deploy,
  KEYS,
  startTestDevnet,
  TRX,
  client as tronWeb,
} from "../../../../../scripts/tron-devnet/test/client.ts";
import { type TransactError, type TransactState, transact } from "../transact.ts";
import { showTrx, tronAccount } from "./account.ts";
import { confirmOnTron } from "./confirm.ts";
import { readCall } from "./readCall.ts";
import type { TronTransaction, TronWallet } from "./types.ts";

const alice = tronAddress(addressOf(KEYS.alice));
let devnet: TronDevnet;
let usdt: Address;
let aiforge: Address;

const clientOf = () => createPublicClient({ transport: tronTransport(devnet.url, { timeoutMs: 60_000 }) });
let publicClient: ReturnType<typeof clientOf>;

beforeAll(async () => {
  devnet = await startTestDevnet();
  const tron = tronWeb(devnet.url);
  const parameters = [1_000_000_000n];
  usdt = tronAddress(await deploy(devnet, tron, { abi: usdtAbi, bytecode: tetherTronBytecode, parameters }));
  aiforge = tronAddress(
    await deploy(devnet, tron, {
      abi: aiforgeAbi,
      bytecode: aiforgeBytecode,
      parameters: [usdt, zeroAddress, alice, alice, alice, 86_400],
    }),
  );
  publicClient = clientOf();
});
afterAll(() => devnet?.close());

/** A wallet whose person says yes, and that signs with the real tronweb. */
function keyWallet(key: string, changes: Partial<TronWallet> = {}): TronWallet {
  const web = tronWeb(devnet.url, key);
  const address = tronAddress(addressOf(key));
  return {
    address,
    connect: async () => address,
    resume: async () => address,
    disconnect: async () => {},
    switchAccount: async () => {},
    chainId: () => publicClient.getChainId(),
    switchChain: async () => {},
    signMessage: async (text) => web.trx.signMessageV2(text),
    signTransaction: async (transaction) => (await web.trx.sign(transaction as never)) as never,
    ...changes,
  };
}

const approve = (amount: bigint) =>
  encodeFunctionData({ abi: usdtAbi, functionName: "approve", args: [aiforge, amount] });
const pending = async (): Promise<number> =>
  ((await (await fetch(`${devnet.url}/wallet/getpendingsize`)).json()) as { pendingTransactionSize?: number })
    .pendingTransactionSize ?? 0;

interface Run {
  key?: string;
  wallet?: Partial<TronWallet>;
  to?: Address;
  onState?: (state: TransactState) => void;
}
async function run(data: Hex, { key = KEYS.alice, wallet, to = usdt, onState }: Run = {}) {
  const states: TransactState[] = [];
  const sent = new Map<Hex, TronTransaction>();
  const account = tronAccount({
    wallet: keyWallet(key, wallet),
    address: tronAddress(addressOf(key)),
    chain: { chainId: await publicClient.getChainId(), name: "Local Tron" },
    publicClient,
    onSent: (hash, transaction) => void sent.set(hash, transaction),
  });
  const outcome = await transact({
    to,
    data,
    chainId: await publicClient.getChainId(),
    confirmations: 19,
    publicClient,
    walletClient: async () => account,
    confirm: confirmOnTron((hash) => sent.get(hash) ?? null),
    pollingInterval: 20,
    onState: (state) => {
      states.push(state);
      if (onState) onState(state);
      else if (state.step === "pending" || state.step === "confirming") void devnet.mine();
    },
  }).then(
    (hash) => ({ hash, problem: null }),
    (error: unknown) => ({ hash: null, problem: (error as TransactError).problem }),
  );
  return { ...outcome, states, steps: states.map(({ step }) => step) };
}

describe("a transaction on Tron", () => {
  it("tells the fee in TRX before it is signed, and counts blocks until one is solid", async () => {
    const { hash, states } = await run(approve(5_000_000n));
    const [checking, asked] = states;
    expect(checking?.step).toBe("checking");
    const fee = asked?.step === "wallet" ? asked.fee : undefined;
    expect(fee).toMatchObject({ about: expect.stringMatching(/^\d+\.\d\d$/), symbol: "TRX" });
    expect(Number(fee?.atMost)).toBeGreaterThan(Number(fee?.about));
    const counted = states.flatMap((state) => ("confirmations" in state ? [state.confirmations] : []));
    expect(counted).toEqual([...new Set(counted)].sort((a, b) => a - b));
    expect(counted[0]).toBeLessThan(4);
    expect(states.at(-1)).toMatchObject({ step: "success", hash, confirmations: 19, required: 19 });
    expect(devnet.solid()).toBeGreaterThanOrEqual(
      Number((await publicClient.getTransactionReceipt({ hash: hash as Hex })).blockNumber),
    );
    // What it cost is what was said, up to the cent that it is rounded to.
    const { fee: paid } = await tronWeb(devnet.url).trx.getTransactionInfo((hash as Hex).slice(2));
    expect(showTrx(BigInt(paid))).toBe(fee?.about);
  });

  it("is followed with little more than a question for each look", async () => {
    const fetched = vi.spyOn(globalThis, "fetch");
    try {
      let began = 0;
      const { hash } = await run(approve(0n), {
        onState: ({ step }) => {
          if (step === "confirming") began ||= fetched.mock.calls.length;
          if (step === "pending" || step === "confirming") void devnet.mine();
        },
      });
      expect(hash).toBeTruthy();
      const asked = fetched.mock.calls
        .slice(began)
        .map(([url]) => new URL(url as string).pathname.replace("/wallet/", ""));
      const count = (path: string) => asked.filter((each) => each === path).length;
      // One is the height, of each look; the receipt takes more, now and then and at the end.
      const looks = count("getblock");
      expect(looks).toBeGreaterThanOrEqual(17);
      expect(count("gettransactioninfobyid")).toBeLessThanOrEqual(looks / 5 + 2);
      expect(count("/walletsolidity/getblock")).toBeLessThanOrEqual(3);
    } finally {
      fetched.mockRestore();
    }
  });

  it("tells what all steps will take, as far as that is known before the first", async () => {
    const amount = 3_000_000n;
    const call = (functionName: "deposit" | "withdraw") => ({
      to: aiforge,
      data: encodeFunctionData({ abi: aiforgeAbi, functionName, args: [alice, amount] }),
    });
    const account = (key: string) =>
      tronAccount({
        wallet: keyWallet(key),
        address: tronAddress(addressOf(key)),
        chain: { chainId: devnet.chainId, name: "Local Tron" },
        publicClient,
        onSent: () => {},
      });
    const forecast = (calls: { to: Address; data: Hex }[], key = KEYS.alice) =>
      account(key).forecastFee?.(calls);
    await run(approve(0n));
    const approval = { to: usdt, data: approve(amount) };
    const before = await forecast([approval, call("deposit")]);
    expect(before).toMatchObject({ symbol: "TRX", later: 1, problem: null });
    expect(await forecast([approval])).toEqual({ ...before, later: 0 });

    // Once it is on the chain, the second is known too; two together cost what each is told to cost by itself.
    await run(approve(amount));
    const reset = { to: usdt, data: approve(0n) };
    const [both, deposit, first] = await Promise.all([
      forecast([reset, call("deposit")]),
      forecast([call("deposit")]),
      forecast([reset]),
    ]);
    expect(both?.later).toBe(0);
    const cents = (text?: string) => Number(text?.replace(".", ""));
    expect(cents(both?.about)).toBeGreaterThan(cents(deposit?.about));
    // Rounded up each by itself; and the second finds no free bytes left.
    expect(cents(both?.about) - cents(deposit?.about) - cents(first?.about)).toBeGreaterThanOrEqual(-1);
    await expect(forecast([call("withdraw")])).rejects.toThrow();
    const poor = await forecast([reset], KEYS.pauper);
    expect(poor?.problem?.message).toMatch(
      /^The network fee is about \d+\.\d\d TRX, and the wallet holds 0\.$/,
    );
    await run(approve(0n));
  });

  it("is signed for no more than was told, and not at all when it takes more by then", async () => {
    const bob = tronAddress(addressOf(KEYS.bob));
    const transfer = (to: Address) =>
      encodeFunctionData({ abi: usdtAbi, functionName: "transfer", args: [to, 1n] });
    const limits: number[] = [];
    const wallet = keyWallet(KEYS.alice, {
      signTransaction: async (transaction) => {
        limits.push(transaction.raw_data.fee_limit ?? 0);
        throw new Error("declined");
      },
    });
    const chain = { chainId: devnet.chainId, name: "Local Tron" };
    const account = tronAccount({ wallet, address: alice, chain, publicClient, onSent: () => {} });
    const call = { to: usdt, data: transfer(bob) };
    const send = () => account.sendTransaction({ ...call, account: account.account!, chain: undefined });

    const dear = await account.quoteFee?.(call);
    await run(transfer(bob));
    await expect(send()).rejects.toThrow("declined");
    // What comes to one who has some already takes less; what was told stays the limit.
    const cheap = await account.quoteFee?.(call);
    expect(Number(cheap?.atMost)).toBeLessThan(Number(dear?.atMost));
    await run(transfer(alice), { key: KEYS.bob });
    await expect(send()).rejects.toMatchObject({ problem: { code: "fee_rose" } });
    expect(limits).toHaveLength(1);
    expect(Number(showTrx(BigInt(limits[0] ?? 0)))).toBeGreaterThan(Number(cheap?.atMost));
    expect(Number(showTrx(BigInt(limits[0] ?? 0)))).toBeLessThanOrEqual(Number(dear?.atMost));
    expect(await pending()).toBe(0);
  });

  it("is refused before the wallet is asked when it would revert, in the contract's words", async () => {
    const data = encodeFunctionData({
      abi: aiforgeAbi,
      functionName: "withdraw",
      args: [alice, 5_000_000n],
    });
    const { steps, problem } = await run(data, { to: aiforge });
    expect(steps).toEqual(["checking", "failed"]);
    expect(problem?.code).toBe("InsufficientCredit");
  });

  it("says that there is too little TRX before the wallet is asked", async () => {
    const { steps, problem } = await run(approve(0n), { key: KEYS.pauper });
    expect(steps).toEqual(["checking", "failed"]);
    expect(problem?.message).toMatch(/^The network fee is about \d+\.\d\d TRX, and the wallet holds 0\.$/);
  });

  it("sends nothing when its person declines, or the wallet signs something else", async () => {
    const declined = async () => Promise.reject("Confirmation declined by user");
    expect((await run(approve(0n), { wallet: { signTransaction: declined } })).problem?.code).toBe(
      "rejected",
    );
    const web = tronWeb(devnet.url);
    const signTransaction: TronWallet["signTransaction"] = async () =>
      (await web.trx.sign(
        await web.transactionBuilder.sendTrx(addressOf(KEYS.bob), TRX, addressOf(KEYS.alice)),
      )) as never;
    expect((await run(approve(0n), { wallet: { signTransaction } })).problem?.code).toBe("signed_otherwise");
    expect(await pending()).toBe(0);
  });

  it("says that the wallet is on another network, unless it switches", async () => {
    let there = 0x2b6653dc;
    const refuses = await run(approve(0n), {
      wallet: { chainId: async () => there, switchChain: async () => Promise.reject(new Error("no")) },
    });
    expect(refuses.problem).toMatchObject({
      code: "wrong_chain",
      message: "The wallet is on another network, not on Local Tron.",
    });
    expect(refuses.steps).toEqual(["checking", "failed"]);
    const switchChain = async (chainId: number) => {
      there = chainId;
    };
    expect(
      (await run(approve(0n), { wallet: { chainId: async () => there, switchChain } })).hash,
    ).toBeTruthy();
  });

  it("says that a signature came too late", async () => {
    const late: TronWallet["signTransaction"] = async (transaction) => {
      await devnet.mine(61);
      return keyWallet(KEYS.alice).signTransaction(transaction);
    };
    const { problem } = await run(approve(1n), { wallet: { signTransaction: late } });
    expect(problem).toMatchObject({ code: "expired", message: expect.stringContaining("too late") });
  });

  it("goes back to waiting when a block is replaced, and ends when it cannot be taken any more", async () => {
    const steps: string[] = [];
    let dropped = false;
    const onState = (state: TransactState) => {
      // Blocks on it may be counted for a few looks more.
      if (steps.at(-1) !== state.step) steps.push(state.step);
      if (state.step === "confirming" && !dropped) {
        dropped = true;
        void devnet.reorg({ depth: 1, drop: [state.hash.slice(2)] });
      } else if (state.step === "pending") void devnet.mine(dropped ? 90 : 1);
    };
    const { problem } = await run(approve(0n), { onState });
    expect(problem).toMatchObject({ code: "expired", hint: "Nothing was paid. Try again." });
    expect(steps).toEqual(["checking", "wallet", "pending", "confirming", "pending", "failed"]);
  });

  it("is not given up while the node that is asked for it lags behind the one that has it", async () => {
    const { faults } = devnet.backends[0]!;
    let asked = false;
    const onState = async ({ step }: TransactState) => {
      if (step !== "pending" || asked) return;
      asked = true;
      faults.add({ kind: "empty", path: "wallet/gettransactioninfobyid" });
      await devnet.mine(90);
      setTimeout(() => faults.clear(), 1000);
    };
    expect((await run(approve(0n), { onState: (state) => void onState(state) })).problem).toBeNull();
  });
});

describe("a transaction's bytes", () => {
  it("are read as tronweb writes them", async () => {
    const web = tronWeb(devnet.url);
    const { transaction } = await web.transactionBuilder.triggerSmartContract(
      showTronAddress(usdt),
      "approve(address,uint256)",
      { txLocal: true, feeLimit: 7 * TRX, callValue: 5 },
      [
        { type: "address", value: showTronAddress(aiforge) },
        { type: "uint256", value: "9" },
      ],
      addressOf(KEYS.alice),
    );
    expect(readCall(transaction.raw_data_hex)).toEqual({
      owner: alice,
      to: usdt,
      data: approve(9n),
      value: 5n,
      feeLimit: 7_000_000n,
    });
  });

  it("are refused when they are no call, cut off, or say a thing twice", async () => {
    const web = tronWeb(devnet.url);
    const { raw_data_hex } = await web.transactionBuilder.sendTrx(addressOf(KEYS.bob), TRX);
    for (const bytes of [
      raw_data_hex,
      raw_data_hex.slice(0, -2),
      `${raw_data_hex}9001`,
      "",
      "0x",
      "ff".repeat(12),
    ])
      expect(() => readCall(bytes)).toThrow("not a call");
  });
});

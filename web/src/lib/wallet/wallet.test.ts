import { aiforgeAbi, DEMO_ACCOUNTS, deployLocal, usdtAbi } from "@aiforge/contracts";
import {
  type Address,
  createPublicClient,
  createWalletClient,
  custom,
  encodeErrorResult,
  encodeFunctionData,
  http,
  type PublicClient,
  recoverMessageAddress,
  stringToHex,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startChain, type TestChain, testClient } from "../../../../scripts/testing/chain.ts";
import { createDemoWallet, type DemoPrompt, type Eip1193Provider } from "./demoWallet.ts";
import { drip, FAUCET_USDT } from "./faucet.ts";
import { planPayment } from "./plan.ts";
import { TransactError, type TransactState, transact } from "./transact.ts";

const byRole = (role: string) => DEMO_ACCOUNTS.find((account) => account.role === role)!;
const customer = byRole("customer");
let chain: TestChain;
let contracts: { aiforge: Address; usdt: Address };
let publicClient: PublicClient;

beforeAll(async () => {
  chain = await startChain();
  contracts = await deployLocal({ rpcUrl: chain.rpcUrl });
  publicClient = createPublicClient({ chain: foundry, transport: http(chain.rpcUrl), pollingInterval: 20 });
}, 60_000);
afterAll(() => chain?.stop());

const walletClient = async () =>
  createWalletClient({
    account: privateKeyToAccount(customer.privateKey),
    chain: foundry,
    transport: http(chain.rpcUrl),
  });
const approve = (amount: bigint) =>
  encodeFunctionData({ abi: usdtAbi, functionName: "approve", args: [contracts.aiforge, amount] });
const allowance = () =>
  publicClient.readContract({
    address: contracts.usdt,
    abi: usdtAbi,
    functionName: "allowance",
    args: [customer.address, contracts.aiforge],
  });

async function run(data: `0x${string}`, options: Partial<Parameters<typeof transact>[0]> = {}) {
  const states: TransactState[] = [];
  const onState = (state: TransactState) => {
    states.push(state);
    // Blocks come with transactions here, so the chain moves on when somebody waits for it to.
    if (state.step === "confirming") void testClient(chain.rpcUrl).mine({ blocks: 1 });
  };
  const base = { chainId: 31337, confirmations: 3, publicClient, walletClient, pollingInterval: 20, onState };
  const outcome = await transact({ to: contracts.usdt, data, ...base, ...options }).then(
    (hash) => ({ hash, error: null }),
    (error: unknown) => ({ hash: null, error }),
  );
  return { ...outcome, states, steps: states.map((state) => state.step) };
}

describe("transact", () => {
  it("counts confirmations one by one and ends in success", async () => {
    const { states, hash } = await run(approve(0n));
    expect(
      states.map((state) => ("confirmations" in state ? `${state.step} ${state.confirmations}` : state.step)),
    ).toEqual(["checking", "wallet", "pending", "confirming 1", "confirming 2", "success 3"]);
    expect((await publicClient.getTransactionReceipt({ hash: hash! })).status).toBe("success");
  });

  it("refuses what would revert before the wallet is asked, and says why", async () => {
    const data = encodeFunctionData({
      abi: aiforgeAbi,
      functionName: "withdraw",
      args: [customer.address, 5_000_000n],
    });
    const { steps, error } = await run(data, { to: contracts.aiforge });
    expect(steps).toEqual(["checking", "failed"]);
    expect((error as TransactError).problem).toMatchObject({
      code: "InsufficientCredit",
      message: "There are 0.00 USDT to withdraw, not 5.00 USDT.",
    });
  });

  it("asks the wallet to switch, and stops when it stays elsewhere", async () => {
    const wallet = await walletClient();
    const elsewhere = { ...wallet, getChainId: async () => 1, switchChain: async () => {} } as typeof wallet;
    const { error, steps } = await run(approve(0n), { walletClient: async () => elsewhere });
    expect(steps).toEqual(["checking", "failed"]);
    expect((error as TransactError).problem.code).toBe("wrong_chain");
  });

  it("waits again when a reorganisation takes the block away", async () => {
    const test = testClient(chain.rpcUrl);
    const wallet = await walletClient();
    let raw: `0x${string}` = "0x";
    const remembering = {
      ...wallet,
      sendTransaction: async () => {
        const request = await wallet.prepareTransactionRequest({ to: contracts.usdt, data: approve(0n) });
        raw = await wallet.signTransaction(request);
        return wallet.sendRawTransaction({ serializedTransaction: raw });
      },
    } as unknown as typeof wallet;
    const before = await test.snapshot();
    const steps: string[] = [];
    let reorganised = false;
    const onState = (state: TransactState) => {
      steps.push(state.step);
      if (state.step !== "confirming") return;
      void (async () => {
        if (!reorganised) {
          reorganised = true;
          await test.revert({ id: before });
          await test.mine({ blocks: 3 });
          await wallet.sendRawTransaction({ serializedTransaction: raw });
        }
        await test.mine({ blocks: 1 });
      })();
    };
    const { error } = await run(approve(0n), { walletClient: async () => remembering, onState });
    expect(error).toBeNull();
    expect(steps.filter((step) => step === "pending")).toHaveLength(2);
    expect(steps.at(-1)).toBe("success");
  }, 60_000);
});

describe("a payment's plan", () => {
  const pay = {
    title: "Pay",
    to: "0x0000000000000000000000000000000000000001" as Address,
    data: "0x" as const,
  };
  const plan = (amount: bigint, allowed: bigint) =>
    planPayment({ usdt: contracts.usdt, spender: contracts.aiforge, amount, allowance: allowed, pay }).map(
      (step) => step.id,
    );

  it("approves exactly what is missing, from zero only", () => {
    expect(plan(10n, 0n)).toEqual(["approve", "pay"]);
    expect(plan(10n, 9n)).toEqual(["reset", "approve", "pay"]);
    expect(plan(10n, 10n)).toEqual(["pay"]);
    expect(plan(0n, 5n)).toEqual(["pay"]);
  });

  it("is what the real token demands", async () => {
    await run(approve(5_000_000n));
    expect((await run(approve(10_000_000n))).error).toBeInstanceOf(TransactError);
    const steps = planPayment({
      usdt: contracts.usdt,
      spender: contracts.aiforge,
      amount: 10_000_000n,
      allowance: await allowance(),
      pay,
    });
    for (const step of steps.filter(({ id }) => id !== "pay"))
      expect((await run(step.data, { to: step.to })).error).toBeNull();
    expect(await allowance()).toBe(10_000_000n);
  });
});

describe("the demo wallet", () => {
  let asked: DemoPrompt[];
  let answer: (prompt: DemoPrompt) => Address | null;
  let wallet: Eip1193Provider;

  beforeEach(() => {
    asked = [];
    answer = (prompt) => (prompt.kind === "connect" ? customer.address : prompt.account.address);
    wallet = createDemoWallet({
      rpcUrl: chain.rpcUrl,
      contracts,
      ask: async (prompt) => {
        asked.push(prompt);
        return answer(prompt);
      },
    });
  });
  const connect = () => wallet.request({ method: "eth_requestAccounts" });

  it("offers the people of the demo and its admin, not the keys of the platform's servers", async () => {
    expect(await connect()).toEqual([customer.address]);
    const prompt = asked[0] as Extract<DemoPrompt, { kind: "connect" }>;
    expect(prompt.accounts.map(({ name }) => name)).toEqual([
      "Creator",
      "Second member",
      "Third member",
      "Customer",
      "Spare",
      "Deployer and admin",
    ]);
  });

  it("signs a message only after its user said yes to that very text", async () => {
    await connect();
    const message = stringToHex("Sign in to AIForge");
    const signature = (await wallet.request({
      method: "personal_sign",
      params: [message, customer.address],
    })) as `0x${string}`;
    expect(asked[1]).toMatchObject({ kind: "sign", text: "Sign in to AIForge" });
    expect(await recoverMessageAddress({ message: "Sign in to AIForge", signature })).toBe(customer.address);
    answer = () => null;
    await expect(
      wallet.request({ method: "personal_sign", params: [message, customer.address] }),
    ).rejects.toMatchObject({ code: 4001 });
  });

  it("sends what it described", async () => {
    await connect();
    const client = createWalletClient({
      account: customer.address,
      chain: foundry,
      transport: custom(wallet),
    });
    const hash = await client.sendTransaction({ to: contracts.usdt, data: approve(0n) });
    expect((await publicClient.waitForTransactionReceipt({ hash })).status).toBe("success");
    expect(asked.at(-1)).toMatchObject({
      kind: "send",
      description: { title: "Reset the USDT allowance to zero" },
    });
  });

  it("refuses every other chain, account and way to sign", async () => {
    await connect();
    const transaction = { from: customer.address, to: contracts.usdt, data: approve(0n) };
    const refused = (method: string, params: unknown[]) =>
      expect(wallet.request({ method, params })).rejects.toThrow();
    await refused("wallet_switchEthereumChain", [{ chainId: "0x1" }]);
    await refused("wallet_addEthereumChain", [{ chainId: "0x1" }]);
    await refused("eth_sendTransaction", [{ ...transaction, chainId: "0x1" }]);
    await refused("eth_sendTransaction", [{ ...transaction, from: byRole("creator").address }]);
    await refused("eth_sign", [customer.address, "0x00"]);
    await refused("eth_signTypedData_v4", [customer.address, "{}"]);
    await refused("eth_sendRawTransaction", ["0x00"]);
    expect(asked).toHaveLength(1);
  });

  it("refuses to sign when its node turns out to be another chain", async () => {
    const test = createPublicClient({ transport: http(chain.rpcUrl) });
    await connect();
    await test.request({ method: "anvil_setChainId", params: [1] } as never);
    try {
      await expect(
        wallet.request({ method: "personal_sign", params: ["0x00", customer.address] }),
      ).rejects.toMatchObject({ code: 4902 });
      await expect(
        wallet.request({
          method: "eth_sendTransaction",
          params: [{ from: customer.address, to: contracts.usdt, data: "0x" }],
        }),
      ).rejects.toMatchObject({ code: 4902 });
      await expect(
        drip({ rpcUrl: chain.rpcUrl, usdt: contracts.usdt, to: customer.address }),
      ).rejects.toThrow(/local chain/);
    } finally {
      await test.request({ method: "anvil_setChainId", params: [31337] } as never);
    }
    expect(asked).toHaveLength(1);
  });

  it("hands out test money", async () => {
    const to = "0x0000000000000000000000000000000000001234";
    await drip({ rpcUrl: chain.rpcUrl, usdt: contracts.usdt, to });
    const balance = await publicClient.readContract({
      address: contracts.usdt,
      abi: usdtAbi,
      functionName: "balanceOf",
      args: [to],
    });
    expect(balance).toBe(FAUCET_USDT);
    expect(await publicClient.getBalance({ address: to })).toBe(10n ** 18n);
  });
});

it("has words for every refusal of the contract", async () => {
  const { explainRevert } = await import("./errors.ts");
  for (const item of aiforgeAbi) {
    if (item.type !== "error") continue;
    const args = item.inputs.map(({ type }) =>
      type === "address"
        ? customer.address
        : type === "bytes32"
          ? `0x${"00".repeat(32)}`
          : type.startsWith("uint8")
            ? 1
            : type === "uint48"
              ? 1
              : 1n,
    );
    const problem = explainRevert(
      encodeErrorResult({ abi: aiforgeAbi, errorName: item.name, args } as never),
    );
    expect(problem.code).toBe(item.name);
    expect(problem.message).toMatch(/\.$/);
  }
});

import { DEMO_ACCOUNTS, deployLocal, PERMIT2, PURCHASE_TYPES, usdtAbi } from "@aiforge/contracts";
import {
  type Address,
  createPublicClient,
  createWalletClient,
  custom,
  encodeFunctionData,
  http,
  numberToHex,
  recoverTypedDataAddress,
  zeroHash,
} from "viem";
import { foundry } from "viem/chains";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startChain, type TestChain } from "../../../../scripts/testing/chain.ts";
import { createDemoWallet, type DemoPrompt, type Eip1193Provider } from "./demoWallet.ts";

const customer = DEMO_ACCOUNTS.find(({ role }) => role === "customer")!;
let chain: TestChain;
let contracts: { aiforge: Address; usdt: Address };
let asked: DemoPrompt[];
let answer: boolean;
let wallet: Eip1193Provider;

beforeAll(async () => {
  chain = await startChain();
  contracts = await deployLocal({ rpcUrl: chain.rpcUrl });
}, 60_000);
afterAll(() => chain?.stop());
beforeEach(async () => {
  asked = [];
  answer = true;
  wallet = createDemoWallet({
    rpcUrl: chain.rpcUrl,
    contracts,
    ask: async (prompt) => {
      if (prompt.kind === "connect") return customer.address;
      asked.push(prompt);
      return answer ? customer.address : null;
    },
  });
  await wallet.request({ method: "eth_requestAccounts" });
});

const purchase = () => ({
  domain: { name: "Permit2", chainId: 31337, verifyingContract: PERMIT2 },
  primaryType: "PermitWitnessTransferFrom" as const,
  types: {
    EIP712Domain: [
      { name: "name", type: "string" },
      { name: "chainId", type: "uint256" },
      { name: "verifyingContract", type: "address" },
    ],
    ...PURCHASE_TYPES,
  },
  message: {
    permitted: { token: contracts.usdt, amount: "30000000" },
    spender: contracts.aiforge,
    nonce: "1",
    deadline: "1900000000",
    witness: {
      kind: "plan",
      item: numberToHex(2, { size: 32 }),
      account: zeroHash,
      months: "3",
      maxPrice: "30000000",
      splitId: zeroHash,
    },
  },
});
const sign = (data: unknown) =>
  wallet.request({ method: "eth_signTypedData_v4", params: [customer.address, JSON.stringify(data)] });

describe("a payment by signature", () => {
  it("is shown in words and signed as it was shown", async () => {
    const data = purchase();
    const signature = (await sign(data)) as `0x${string}`;
    expect(asked).toEqual([
      {
        kind: "permit",
        account: customer,
        description: {
          title: "Pay for the Pro plan by signature",
          details: [
            { label: "Pays at most", value: "30.00 USDT" },
            { label: "Token", value: "USDT" },
            { label: "For", value: "3 months" },
            { label: "To", value: "AIForge contract" },
          ],
        },
      },
    ]);
    expect(await recoverTypedDataAddress({ ...(data as never as object), signature } as never)).toBe(
      customer.address,
    );
  });

  it("does not pass off another spender, contract or chain as a payment to AIForge", async () => {
    const spender = purchase();
    spender.message.spender = customer.address;
    await sign(spender);
    const contract = purchase();
    contract.domain.verifyingContract = customer.address;
    await sign(contract);
    for (const prompt of asked) {
      expect(prompt.kind === "permit" && prompt.description.title).toBe(
        "Sign unknown data: PermitWitnessTransferFrom",
      );
    }
    const elsewhere = purchase();
    elsewhere.domain.chainId = 1;
    await expect(sign(elsewhere)).rejects.toMatchObject({ code: 4902 });
    answer = false;
    await expect(sign(purchase())).rejects.toMatchObject({ code: 4001 });
  });
});

describe("several calls at once (EIP-5792)", () => {
  const approve = (amount: bigint) => ({
    to: contracts.usdt,
    data: encodeFunctionData({
      abi: usdtAbi,
      functionName: "approve",
      args: [contracts.aiforge, amount],
    }),
  });
  const client = () =>
    createWalletClient({ account: customer.address, chain: foundry, transport: custom(wallet) });

  it("asks once, sends each, and tells where they stand", async () => {
    const { id } = await client().sendCalls({ calls: [approve(0n), approve(5n)] });
    expect(asked).toMatchObject([
      {
        kind: "batch",
        descriptions: [
          { title: "Reset the USDT allowance to zero" },
          { title: "Allow 0.000005 USDT to be taken" },
        ],
      },
    ]);
    const { status, receipts, atomic } = await client().waitForCallsStatus({ id });
    expect({ status, atomic, calls: receipts?.length }).toEqual({
      status: "success",
      atomic: false,
      calls: 2,
    });
    const reader = createPublicClient({ chain: foundry, transport: http(chain.rpcUrl) });
    expect(
      await reader.readContract({
        address: contracts.usdt,
        abi: usdtAbi,
        functionName: "allowance",
        args: [customer.address, contracts.aiforge],
      }),
    ).toBe(5n);
  });

  it("says that it cannot do them as one, and refuses when they must be", async () => {
    expect(await client().getCapabilities({ chainId: 31337 })).toMatchObject({
      atomic: { status: "unsupported" },
    });
    await expect(client().sendCalls({ calls: [approve(0n)], forceAtomic: true })).rejects.toThrow();
    await expect(
      wallet.request({
        method: "wallet_sendCalls",
        params: [{ chainId: "0x1", from: customer.address, calls: [approve(0n)] }],
      }),
    ).rejects.toMatchObject({ code: 5710 });
    await expect(wallet.request({ method: "wallet_getCallsStatus", params: ["0x01"] })).rejects.toMatchObject(
      { code: 5730 },
    );
    expect(asked).toEqual([]);
  });
});

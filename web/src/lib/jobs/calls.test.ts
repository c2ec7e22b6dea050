import { aiforgeAbi, deployments, type Job, jobIdOf, PERMIT2, specificationHash } from "@aiforge/contracts";
import { encodeFunctionData, type Hex, pad } from "viem";
import { describe, expect, it } from "vitest";
import type { Call, Chain, JobDetail, Payment } from "../api/types.ts";
import { UnexpectedCallError } from "../wallet/plan.ts";
import { assertPayment, assertPermit, assertPurchase } from "../wallet/ways.ts";
import { assertEscrow, assertJobAction, assertResolve } from "./calls.ts";

const { aiforge, usdt } = deployments[31337]!;
const chain = { chainId: 31337, aiforge, usdt } as Chain;
const client = "0x976EA74026E726554dB657fA54763abd0C3a0aa9";
const node = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
const spec = {
  version: 1,
  image: `sha256:${"1".repeat(64)}`,
  command: ["true"],
  env: {},
  inputs: [],
  outputLimitMb: 1,
  cpuMillis: 100,
  memoryMb: 64,
  gpus: 0,
  diskMb: 16,
  timeLimitSeconds: 60,
  network: false,
  retries: 0,
  engineModelId: null,
  review: true,
} as const;
const job = (changes: Partial<Job> = {}): Job => ({
  client,
  account: `0x01${"00".repeat(31)}`,
  specification: specificationHash({ ...spec, command: ["true"], inputs: [] }),
  price: 4_000_000n,
  deadline: 1_800_000_000,
  salt: `0x${"22".repeat(32)}`,
  ...changes,
});
const submission = { node, payee: pad(node), result: `0x${"33".repeat(32)}` } as const;
const shown = {
  onchainId: jobIdOf(job()),
  spec: spec as unknown as JobDetail["spec"],
  price: "4.00",
  wallet: client.toLowerCase(),
  deadline: new Date(1_800_000_000_000).toISOString(),
  onchain: { submission: { ...submission, node: node.toLowerCase() } } as JobDetail["onchain"],
};
const call = (data: Hex) => ({ to: aiforge, abi: "aiforge", data, value: "0" }) as unknown as Call;
const opened = (changes: Partial<Job> = {}, source = 0) =>
  call(encodeFunctionData({ abi: aiforgeAbi, functionName: "openJob", args: [job(changes), source] }));
const permit = { payer: client as Hex, nonce: 1n, deadline: 1n, signature: "0x" as Hex };
const brought = (changes: Partial<Job> = {}, payer: string = client) =>
  call(
    encodeFunctionData({
      abi: aiforgeAbi,
      functionName: "openJobWithPermit",
      args: [job(changes), { ...permit, payer: payer as Hex }],
    }),
  );
const typedData = (item: string = jobIdOf(job())) => ({
  domain: { name: "Permit2", chainId: 31337, verifyingContract: PERMIT2 },
  types: {},
  primaryType: "PermitWitnessTransferFrom",
  message: {
    permitted: { token: usdt, amount: "4000000" },
    spender: aiforge,
    nonce: "1",
    deadline: "1",
    witness: {
      kind: "job",
      item,
      account: job().account,
      months: "0",
      maxPrice: "4000000",
      splitId: `0x${"00".repeat(32)}`,
    },
  },
});
const payment = (item?: string) =>
  ({
    purpose: "job",
    amount: "4.00",
    account: job().account,
    wallet: client.toLowerCase(),
    months: 0,
    plan: null,
    dailyCap: null,
    shares: [{ kind: "platform" }, { kind: "node", address: null, bps: 9500 }],
    call: opened(),
    ways: { wallet: {}, credit: null, permit2: { typedData: typedData(item) }, transfer: null },
  }) as unknown as Payment;

const OTHERS: [string, Partial<Job>][] = [
  ["refunds somebody else", { client: node }],
  ["is for another account", { account: `0x02${"00".repeat(31)}` }],
  ["costs more", { price: 4_000_001n }],
  ["is of another specification", { specification: `0x${"44".repeat(32)}` }],
  ["is refunded later", { deadline: 1_800_000_001 }],
  ["has another salt", { salt: `0x${"55".repeat(32)}` }],
];

describe("the escrow of a job", () => {
  it("is paid when it is the job's on the page", () => {
    expect(() => assertEscrow(payment(), shown)).not.toThrow();
    expect(() => assertPayment(opened(), payment(), chain, "wallet")).not.toThrow();
    expect(() => assertPayment(opened({}, 1), payment(), chain, "credit")).not.toThrow();
    expect(() => assertPermit(payment(), chain)).not.toThrow();
    expect(() => assertPurchase(brought(), payment(), client, chain)).not.toThrow();
  });

  it.each(OTHERS)("is not paid when it %s", (_, changes) => {
    expect(() => assertEscrow({ ...payment(), call: opened(changes) }, shown)).toThrow(UnexpectedCallError);
    expect(() => assertPayment(opened(changes), payment(), chain, "wallet")).toThrow(UnexpectedCallError);
    expect(() => assertPurchase(brought(changes), payment(), client, chain)).toThrow(UnexpectedCallError);
  });

  it("is not paid from elsewhere, by another, or for another by signature", () => {
    expect(() => assertPayment(opened({}, 1), payment(), chain, "wallet")).toThrow(UnexpectedCallError);
    expect(() => assertPayment(brought(), payment(), chain, "wallet")).toThrow(UnexpectedCallError);
    expect(() => assertPurchase(brought({}, node), payment(), client, chain)).toThrow(UnexpectedCallError);
    expect(() => assertPermit(payment(jobIdOf(job({ price: 1n }))), chain)).toThrow(UnexpectedCallError);
    expect(() => assertEscrow({ ...payment(), call: brought() }, shown)).toThrow(UnexpectedCallError);
  });

  it("is not paid when the page shows another specification than is hashed", () => {
    const other = { ...shown, spec: { ...shown.spec, network: true } };
    expect(() => assertEscrow(payment(), other)).toThrow(UnexpectedCallError);
  });
});

describe("what an owner signs for a job", () => {
  const dispute = (changes: Partial<Job> = {}) =>
    call(encodeFunctionData({ abi: aiforgeAbi, functionName: "disputeJob", args: [job(changes)] }));
  const refund = (changes: Partial<Job> = {}) =>
    call(encodeFunctionData({ abi: aiforgeAbi, functionName: "refundJob", args: [job(changes)] }));
  const approve = (made: { node: Hex; payee: Hex; result: Hex } = submission) =>
    call(encodeFunctionData({ abi: aiforgeAbi, functionName: "approveJob", args: [job(), made] }));

  it("is what its button says, of this job", () => {
    expect(() => assertJobAction(dispute(), "disputeJob", shown, chain)).not.toThrow();
    expect(() => assertJobAction(refund(), "refundJob", shown, chain)).not.toThrow();
    expect(() => assertJobAction(approve(), "approveJob", shown, chain)).not.toThrow();
  });

  it("is nothing else", () => {
    expect(() => assertJobAction(refund(), "disputeJob", shown, chain)).toThrow(UnexpectedCallError);
    expect(() => assertJobAction(dispute({ price: 1n }), "disputeJob", shown, chain)).toThrow(
      UnexpectedCallError,
    );
    const elsewhere = { ...dispute(), to: usdt };
    expect(() => assertJobAction(elsewhere, "disputeJob", shown, chain)).toThrow(UnexpectedCallError);
    const another = approve({ ...submission, result: `0x${"66".repeat(32)}` });
    expect(() => assertJobAction(another, "approveJob", shown, chain)).toThrow(UnexpectedCallError);
    const stranger = approve({ ...submission, node: client });
    expect(() => assertJobAction(stranger, "approveJob", shown, chain)).toThrow(UnexpectedCallError);
  });
});

describe("what an admin signs for a disputed job", () => {
  const resolve = (nodeBps: bigint, made = submission, changes: Partial<Job> = {}) =>
    call(
      encodeFunctionData({
        abi: aiforgeAbi,
        functionName: "resolveJob",
        args: [job(changes), made, nodeBps],
      }),
    );

  it("is the share that was chosen, of this job and this result", () => {
    expect(() => assertResolve(resolve(2_500n), 2_500, shown, chain)).not.toThrow();
    expect(() => assertResolve(resolve(2_501n), 2_500, shown, chain)).toThrow(UnexpectedCallError);
    const another = resolve(2_500n, { ...submission, result: `0x${"66".repeat(32)}` });
    expect(() => assertResolve(another, 2_500, shown, chain)).toThrow(UnexpectedCallError);
    const dearer = resolve(2_500n, submission, { price: 4_000_001n });
    expect(() => assertResolve(dearer, 2_500, shown, chain)).toThrow(UnexpectedCallError);
  });
});

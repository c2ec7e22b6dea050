import { demoAccount, deployments, modelId, modelSalt, splitId } from "@aiforge/contracts";
import { concat, encodeAbiParameters, type Hex, keccak256, stringToHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { type Actors, GROUP, namesOf, USER } from "./journey.ts";

const { aiforge } = deployments[31337]!;
const USDT = 1_000_000n;
const DAY = 86_400;
const MAX = 2n ** 256n - 1n;
const WALLET = 0;
const CREDIT = 1;
const OPERATOR = keccak256(stringToHex("OPERATOR"));

/** The month that the roots of the scenario are for: December 2026. */
export const MONTH = 2026 * 12 + 11;

const hashOf = (text: string): Hex => keccak256(stringToHex(text));
const asPayee = (address: Hex): Hex => `0x${"0".repeat(24)}${address.slice(2).toLowerCase()}`;

/** A tree of two leaves, as OpenZeppelin's standard tree makes it: its root, and each leaf's proof. */
function treeOf(leaves: [[split: Hex, cumulative: bigint], [split: Hex, cumulative: bigint]]) {
  const [a, b] = leaves.map(([split, cumulative]) =>
    keccak256(
      keccak256(encodeAbiParameters([{ type: "bytes32" }, { type: "uint256" }], [split, cumulative])),
    ),
  ) as [Hex, Hex];
  return { root: keccak256(concat(BigInt(a) < BigInt(b) ? [a, b] : [b, a])), proofs: [[b], [a]] as const };
}

/** One transaction, or one block that lets time pass. */
export type Step = () => Promise<void>;

/**
 * What comes after the journey, as steps that each mine one block: together with the deployment and the journey they
 * emit every event that the contract has. The steps can be taken from any of its states again with another `vary`, which
 * changes amounts but no name of a thing.
 */
export async function economy(people: Actors, variant: { vary: bigint }) {
  const { who, call, approve, transfer, client } = people;
  const { split, later, splitId: shared, laterId, second, first } = namesOf(people);
  const own = { members: [who.spare], bps: [10_000] };
  const start = Number((await client.getBlock()).timestamp);
  const operator = privateKeyToAccount(demoAccount("operator").privateKey);
  const domain = { name: "AIForge", version: "1", chainId: 31337, verifyingContract: aiforge };

  const jobs = Array.from({ length: 8 }, (_, n) => {
    const job = {
      client: who.customer,
      account: n % 2 === 0 ? USER : GROUP,
      specification: hashOf(`specification ${n}`),
      price: BigInt(n + 1) * USDT + 7n,
      deadline: start + 25 * DAY,
      salt: hashOf(`salt ${n}`),
    };
    const type = [
      { name: "client", type: "address" },
      { name: "account", type: "bytes32" },
      { name: "specification", type: "bytes32" },
      { name: "price", type: "uint64" },
      { name: "deadline", type: "uint40" },
      { name: "salt", type: "bytes32" },
    ] as const;
    const id = keccak256(encodeAbiParameters([{ type: "tuple", components: type }], [job]));
    const payee = n % 2 === 0 ? shared : asPayee(who.node);
    return { job, id, payee, submission: { node: who.node, payee, result: hashOf(`result ${n}`) } };
  });
  const at = (n: number) => jobs[n]!;

  const pass = (days: number) => async () => {
    await client.increaseTime({ seconds: days * DAY + 1 });
    await client.mine({ blocks: 1 });
  };
  const open = (n: number, source: number) => () => call(who.customer, "openJob", [at(n).job, source]);
  const submit = (n: number) => async () => {
    const { job, id, payee, submission } = at(n);
    const assignment = { jobId: id, node: who.node, payee, expiry: job.deadline };
    const signature = await operator.signTypedData({
      domain,
      primaryType: "Assignment",
      types: {
        Assignment: [
          { name: "jobId", type: "bytes32" },
          { name: "node", type: "address" },
          { name: "payee", type: "bytes32" },
          { name: "expiry", type: "uint40" },
        ],
      },
      message: assignment,
    });
    await call(who.node, "submitJob", [job, assignment, signature, submission.result]);
  };
  const settle = (batch: bigint, rows: { payer: Hex; amount: bigint }[]) => () =>
    call(who.operator, "settleUsage", [
      batch,
      hashOf(`receipts ${batch}`),
      [
        { modelId: second, rows },
        { modelId: first, rows: [{ payer: who.customer, amount: USDT + 5n }] },
      ],
    ]);
  // The shared split and the later one, at what they earned in both months.
  const leaves = (month: bigint): Parameters<typeof treeOf>[0] => [
    [shared, month * (3n * USDT + 1n)],
    [laterId, month * (2n * USDT + 1n)],
  ];
  const post = (month: number, times: bigint) => () =>
    call(who.operator, "postRoot", [
      month,
      treeOf(leaves(times)).root,
      leaves(times).reduce((sum, [, cumulative]) => sum + cumulative, 0n),
      `bafy-${times}-${variant.vary}`,
    ]);
  const claims = treeOf(leaves(1n));

  const steps: Step[] = [
    () => call(who.admin, "unpause", []),
    () => call(who.admin, "grantRole", [OPERATOR, who.faucet]),
    () => call(who.admin, "revokeRole", [OPERATOR, who.faucet]),
    () => call(who.admin, "beginDefaultAdminTransfer", [who.second]),
    () => call(who.admin, "cancelDefaultAdminTransfer", []),
    () => call(who.admin, "changeDefaultAdminDelay", [100_000 + Number(variant.vary)]),
    () => call(who.admin, "changeDefaultAdminDelay", [200_000 + Number(variant.vary)]),
    () => call(who.admin, "setTreasury", [who.treasury]),
    () =>
      call(who.creator, "setTerms", [
        second,
        { month: 3n * USDT, sale: 50n * USDT + variant.vary, input: 7n, output: 9n },
      ]),
    () => call(who.customer, "buyLicense", [second, MAX, shared, GROUP, WALLET]),
    () => call(who.customer, "extendListing", [second, 1n, USER, WALLET]),
    () => call(who.customer, "deposit", [who.customer, 100n * USDT + variant.vary]),
    () => call(who.customer, "buyLicense", [second, MAX, shared, USER, CREDIT]),
    () => call(who.spare, "collectFees", []),
    () => call(who.admin, "setPlanPrice", [2, 29n * USDT + variant.vary]),
    () => call(who.customer, "buyPlan", [1, 3n, MAX, USER, WALLET]),
    () => call(who.customer, "buyPlan", [2, 1n, MAX, GROUP, WALLET]),
    () => approve(who.spare),
    () => call(who.customer, "depositUsage", [USER, 50n * USDT + variant.vary, 40n * USDT, WALLET]),
    () => call(who.spare, "depositUsage", [GROUP, 5n * USDT, 5n * USDT, WALLET]),
    () => call(who.customer, "setUsageCap", [45n * USDT + variant.vary]),
    () => call(who.third, "setUsageCap", [USDT]),
    settle(1n, [
      { payer: who.customer, amount: 3n * USDT },
      { payer: who.spare, amount: USDT },
      { payer: who.faucet, amount: 0n },
    ]),
    () => call(who.spare, "leaveUsage", []),
    pass(3),
    () => call(who.faucet, "withdrawUsage", [who.spare]),
    settle(2n, [{ payer: who.customer, amount: 2n * USDT }]),
    ...[0, 1, 2, 3, 4, 5, 6].map((n) => open(n, WALLET)),
    open(7, CREDIT),
    async () => {
      const { job, id, payee, submission } = at(0);
      const signature = await operator.signTypedData({
        domain,
        primaryType: "Attestation",
        types: {
          Attestation: [
            { name: "jobId", type: "bytes32" },
            { name: "payee", type: "bytes32" },
            { name: "result", type: "bytes32" },
          ],
        },
        message: { jobId: id, payee, result: submission.result },
      });
      await call(who.spare, "payJob", [job, payee, submission.result, signature]);
    },
    ...[1, 2, 4, 5, 7].map(submit),
    () => call(who.customer, "approveJob", [at(1).job, at(1).submission]),
    () => call(who.operator, "refundJob", [at(3).job]),
    () => call(who.customer, "disputeJob", [at(4).job]),
    () => call(who.operator, "disputeJob", [at(5).job]),
    () => call(who.admin, "resolveJob", [at(4).job, at(4).submission, 2500n + variant.vary]),
    pass(1),
    () => call(who.spare, "releaseJob", [at(2).job, at(2).submission]),
    pass(7),
    () => call(who.spare, "halveJob", [at(5).job, at(5).submission]),
    post(MONTH, 1n),
    () => call(who.admin, "vetoRoot", []),
    post(MONTH, 1n),
    pass(2),
    () => call(who.spare, "claimShare", [shared, leaves(1n)[0][1], claims.proofs[0]]),
    () => call(who.creator, "claimAndDraw", [later, leaves(1n)[1][1], claims.proofs[1], who.cashier]),
    post(MONTH + 1, 2n),
    () => call(who.second, "draw", [split, who.second]),
    () => call(who.creator, "drawAndWithdraw", [split, who.creator]),
    () => transfer(who.customer, who.cashier, 7n * USDT + variant.vary),
    () => transfer(who.cashier, who.spare, USDT),
    () => call(who.customer, "withdraw", [who.cashier, 2n * USDT]),
    () => call(who.third, "declareSplit", [own]),
    () => call(who.creator, "setSplit", [second, own]),
    () => call(who.customer, "subscribe", [second, 2n, MAX, splitId(own), USER, WALLET]),
    () => call(who.third, "withdrawFor", [who.node]),
    () =>
      call(who.third, "publish", [
        modelSalt("dddddddd-0000-4000-8000-000000000000"),
        hashOf("weights"),
        later,
        { month: 0n, sale: 1n, input: 0n, output: 0n },
        USER,
        0n,
        WALLET,
      ]),
    () => call(who.admin, "pause", []),
    () => call(who.admin, "beginDefaultAdminTransfer", [who.second]),
    () => call(who.admin, "unpause", []),
    // Sold for one unit: too little for a fee.
    () =>
      call(who.customer, "buyLicense", [
        modelId(who.third, modelSalt("dddddddd-0000-4000-8000-000000000000")),
        1n,
        laterId,
        USER,
        WALLET,
      ]),
  ];
  return { steps, jobs, ownId: splitId(own) };
}

import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import {
  createPublicClient,
  createTestClient,
  createWalletClient,
  getContract,
  type Hash,
  type Hex,
  http,
  keccak256,
  maxUint256,
  type PublicClient,
  pad,
  slice,
  toHex,
  zeroHash,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { startChain } from "../../scripts/testing/chain.ts";
import { receiptOf } from "../scripts/receipt.ts";
import {
  accountRef,
  aiforgeAbi,
  type DemoAccount,
  demoAccount,
  deployLocal,
  LOCAL_CHAIN_ID,
  modelId,
  modelSalt,
  type Split,
  splitId,
  usdtAbi,
} from "../src/index.ts";

/**
 * Gas of whole transactions (21,000 and calldata included) on a real chain with USDT as on Ethereum, when everyone
 * involved was paid before, so that no storage slot is new. `--json` prints one object of numbers as the last line.
 */
const USDT = 1_000_000n;
const TERMS = { month: 10n * USDT, sale: 50n * USDT, input: 0n, output: 0n };
const WEIGHTS = keccak256("0x01");
const ACCOUNT = accountRef("user", "9f1d8d06-5d7e-4bd5-8b42-5d3b6f5a9c11");
const WALLET = 0;
const CREDIT = 1;

const creator = demoAccount("creator").address;
const member = demoAccount("member").address;
const stranger = (position: number) => slice(keccak256(toHex(`member ${position}`)), 12);
const SPLITS = {
  1: { members: [member], bps: [10_000] },
  3: { members: [creator, demoAccount("spare").address, member], bps: [5_000, 3_000, 2_000] },
  10: {
    members: [...Array.from({ length: 9 }, (_, position) => stranger(position)), member],
    bps: Array.from({ length: 10 }, () => 1_000),
  },
  100: {
    members: [...Array.from({ length: 99 }, (_, position) => stranger(position)), member],
    bps: Array.from({ length: 100 }, () => 100),
  },
} satisfies Record<number, Split>;

/** The most that an operation may cost, and in brackets what it costs in contracts of others. */
const TARGETS: Record<string, { most: number; peers?: string }> = {
  buy_split_3: { most: 76_000, peers: "77,641" },
  buy_split_10: { most: 76_000 },
  buy_split_100: { most: 76_000, peers: "137,546 … 1,186,320" },
  buy_from_credit: { most: 50_000 },
  plan_renewal: { most: 70_000, peers: "91,225" },
  draw_split_3: { most: 60_000, peers: "62,028" },
  job_open: { most: 85_000, peers: "114,018" },
  job_pay: { most: 55_000, peers: "73,794; whole job 1,665,000" },
  usage_row_100: { most: 9_000, peers: "13,700 … 42,100" },
  pool_claim_credit: { most: 48_000, peers: "83,815 … 112,459" },
  pool_claim_wallet: { most: 78_000, peers: "83,815 … 112,459" },
};

const json = process.argv.includes("--json");
const chain = await startChain();
try {
  const gas = await measure(chain.rpcUrl);
  if (json) console.log(JSON.stringify(gas));
  else print(gas);
} finally {
  await chain.stop();
}

function print(gas: Record<string, number>): void {
  const row = (...[name, used, most, peers]: string[]) =>
    `${name?.padEnd(26)}${used?.padStart(11)}${most?.padStart(9)}  ${peers}`.trimEnd();
  console.log(row("operation", "gas", "at most", "(peers)"));
  for (const [name, used] of Object.entries(gas)) {
    const { most, peers } = TARGETS[name] ?? {};
    const figure = used.toLocaleString("en") + (most && used > most ? "!" : " ");
    console.log(row(name, figure, most?.toLocaleString("en") ?? "", peers ? `(${peers})` : ""));
  }
}

async function measure(rpcUrl: string): Promise<Record<string, number>> {
  const { aiforge: address, usdt: usdtAddress } = await deployLocal({ rpcUrl });
  const test = createTestClient({ mode: "anvil", chain: foundry, transport: http(rpcUrl) });
  const reader: PublicClient = createPublicClient({ transport: http(rpcUrl) });
  // The chain holds the demo accounts' keys, so it signs for them.
  const as = (role: DemoAccount["role"]) => {
    const wallet = createWalletClient({
      account: demoAccount(role).address,
      chain: foundry,
      transport: http(rpcUrl),
    });
    return {
      account: demoAccount(role).address,
      aiforge: getContract({ address, abi: aiforgeAbi, client: wallet }),
      usdt: getContract({ address: usdtAddress, abi: usdtAbi, client: wallet }),
    };
  };
  const gasOf = async (sent: Promise<Hash>) => {
    const receipt = await receiptOf(reader, await sent, { pause: 5, patience: 20_000 });
    if (receipt.status !== "success") throw new Error(`Reverted: ${receipt.transactionHash}`);
    return Number(receipt.gasUsed);
  };
  /** Runs an operation twice and answers the second run's gas. */
  const warm = async (operation: () => Promise<Hash>) => {
    await gasOf(operation());
    return gasOf(operation());
  };

  const gas: Record<string, number> = {};
  const { aiforge } = as("creator");
  const buyer = as("customer");
  let models = 0;
  const publish = (split: Split): [Promise<Hash>, Hex] => {
    models += 1;
    const salt = modelSalt(`00000000-0000-4000-8000-${models.toString().padStart(12, "0")}`);
    const sent = aiforge.write.publish([salt, WEIGHTS, split, TERMS, ACCOUNT, maxUint256, WALLET]);
    return [sent, modelId(creator, salt)];
  };
  await gasOf(as("creator").usdt.write.approve([address, maxUint256]));

  const [first, model] = publish(SPLITS[3]);
  gas.publish_first = await gasOf(first);
  gas.publish = await warm(() => publish(SPLITS[3])[0]);
  gas.extend_listing = await warm(() => aiforge.write.extendListing([model, 1n, ACCOUNT, WALLET]));
  gas.set_terms = await warm(() => aiforge.write.setTerms([model, TERMS]));

  gas.approve = await gasOf(buyer.usdt.write.approve([address, maxUint256]));
  const buy = (split: Split, source: number) =>
    buyer.aiforge.write.subscribe([model, 1n, TERMS.month, splitId(split), ACCOUNT, source]);
  for (const [size, split] of Object.entries(SPLITS)) {
    gas[`set_split_${size}`] = await warm(() => aiforge.write.setSplit([model, split]));
    gas[`buy_split_${size}`] = await warm(() => buy(split, WALLET));
    // The member in last place pays most to be found.
    const draw = async () => {
      await gasOf(buy(split, WALLET));
      return as("member").aiforge.write.draw([split, split.members.at(-1) as Hex]);
    };
    gas[`draw_to_credit_split_${size}`] = await warm(draw);
    gas[`draw_split_${size}`] = await warm(async () => {
      await gasOf(buy(split, WALLET));
      return as("member").aiforge.write.drawAndWithdraw([split, member]);
    });
  }

  gas.deposit = await warm(() => buyer.aiforge.write.deposit([demoAccount("customer").address, 100n * USDT]));
  await gasOf(aiforge.write.setSplit([model, SPLITS[3]]));
  gas.buy_from_credit = await warm(() => buy(SPLITS[3], CREDIT));
  gas.plan_renewal = await warm(() => buyer.aiforge.write.buyPlan([2, 1n, 30n * USDT, ACCOUNT, WALLET]));
  gas.license = await warm(() =>
    buyer.aiforge.write.buyLicense([model, TERMS.sale, splitId(SPLITS[3]), ACCOUNT, WALLET]),
  );
  await measureJobs();
  await measureUsage();
  await measurePool();
  gas.withdraw = await warm(() => buyer.aiforge.write.withdraw([demoAccount("customer").address, USDT]));
  gas.withdraw_for = await gasOf(as("spare").aiforge.write.withdrawFor([member]));
  return gas;

  async function measureJobs() {
    const payee = pad(demoAccount("node").address).toLowerCase() as Hex;
    let jobs = 0;
    const newJob = async () => ({
      client: demoAccount("customer").address,
      account: ACCOUNT,
      specification: keccak256("0x02"),
      price: 10n * USDT,
      deadline: Number((await reader.getBlock()).timestamp) + 86_400,
      salt: toHex(++jobs, { size: 32 }),
    });
    let job = await newJob();
    const open = async () => {
      job = await newJob();
      return buyer.aiforge.write.openJob([job, WALLET]);
    };
    const domain = { name: "AIForge", version: "1", chainId: LOCAL_CHAIN_ID, verifyingContract: address };
    const pay = async () => {
      await gasOf(open());
      const jobId = await reader.readContract({
        address,
        abi: aiforgeAbi,
        functionName: "jobIdOf",
        args: [job],
      });
      const message = { jobId, payee, result: keccak256("0x03") };
      const signature = await privateKeyToAccount(demoAccount("operator").privateKey).signTypedData({
        domain,
        primaryType: "Attestation",
        types: {
          Attestation: [
            { name: "jobId", type: "bytes32" },
            { name: "payee", type: "bytes32" },
            { name: "result", type: "bytes32" },
          ],
        },
        message,
      });
      return as("node").aiforge.write.payJob([job, payee, message.result, signature]);
    };
    gas.job_open = await warm(open);
    gas.job_pay = await warm(pay);
  }

  /** A batch of 100 payers who all used one model; what a row costs is the whole transaction over its rows. */
  async function measureUsage() {
    const payers = Array.from({ length: 100 }, (_, at) => slice(keccak256(toHex(`payer ${at}`)), 12));
    const amount = 100n * USDT;
    await gasOf(as("faucet").usdt.write.transfer([buyer.account, amount * 100n]));
    for (const payer of payers) {
      await gasOf(buyer.usdt.write.transfer([payer, amount]));
      await test.impersonateAccount({ address: payer });
      await test.setBalance({ address: payer, value: 10n ** 18n });
      const wallet = createWalletClient({ account: payer, chain: foundry, transport: http(rpcUrl) });
      await gasOf(
        wallet.writeContract({
          address: usdtAddress,
          abi: usdtAbi,
          functionName: "approve",
          args: [address, maxUint256],
        }),
      );
      await gasOf(
        wallet.writeContract({
          address,
          abi: aiforgeAbi,
          functionName: "depositUsage",
          args: [ACCOUNT, amount, amount, WALLET],
        }),
      );
    }
    let batch = 0n;
    const settle = () => {
      batch += 1n;
      const rows = payers.map((payer) => ({ payer, amount: USDT / 7n }));
      return as("operator").aiforge.write.settleUsage([batch, zeroHash, [{ modelId: model, rows }]]);
    };
    gas.usage_batch_100 = await warm(settle);
    gas.usage_row_100 = Math.ceil(gas.usage_batch_100 / 100);
  }

  /** Each root has 10,000 leaves; the first claim after it puts it in force and is not the one that is measured. */
  async function measurePool() {
    const others = Array.from({ length: 9_998 }, (_, at): [Hex, bigint] => [
      keccak256(toHex(`split ${at}`)),
      1n,
    ]);
    let month = 24_322;
    let cumulative = 0n;
    const claim = async (first: keyof typeof SPLITS, send: (proof: Hex[]) => Promise<Hash>) => {
      cumulative += USDT;
      month += 1;
      const at = { 1: 0, 3: 9_999 } as Record<number, number>;
      const leaves: [Hex, bigint][] = [
        [splitId(SPLITS[1]), cumulative],
        ...others,
        [splitId(SPLITS[3]), cumulative],
      ];
      const tree = StandardMerkleTree.of(leaves, ["bytes32", "uint256"]);
      const proofOf = (size: number) => tree.getProof(at[size] as number) as Hex[];
      const total = 2n * cumulative + 9_998n;
      await gasOf(as("operator").aiforge.write.postRoot([month, tree.root as Hex, total, "cid"]));
      await test.increaseTime({ seconds: 2 * 86_400 });
      await test.mine({ blocks: 1 });
      await gasOf(buyer.aiforge.write.claimShare([splitId(SPLITS[first]), cumulative, proofOf(first)]));
      return send(proofOf(first === 1 ? 3 : 1));
    };
    gas.pool_claim_credit = await warm(() =>
      claim(1, (proof) => buyer.aiforge.write.claimShare([splitId(SPLITS[3]), cumulative, proof])),
    );
    gas.pool_claim_wallet = await warm(() =>
      claim(3, (proof) => as("member").aiforge.write.claimAndDraw([SPLITS[1], cumulative, proof, member])),
    );
  }
}

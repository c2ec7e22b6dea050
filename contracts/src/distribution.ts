import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { type Hex, keccak256, stringToBytes } from "viem";
import { comparePurchases, type DistributionInputs, serializeInputs } from "./distributionInputs.ts";
import { extendPeriod } from "./extendPeriod.ts";
import { FEES } from "./fees.ts";
import { InputsError } from "./inputsFields.ts";
import { monthIndex, monthOf } from "./month.ts";

/** A month of the creators' pool, computed. Amounts in micro-USDT. */
export interface Distribution {
  /** As the contract counts: year * 12 + month - 1. */
  month: number;
  /** What there was to share: the carry, and the pool's part of every plan period that starts in the month. */
  pool: bigint;
  /** What is left for the next month: what rounding left, or all of it when nothing was used. */
  carry: bigint;
  /** What was used of all models. */
  tokens: bigint;
  models: { modelId: Hex; splitId: Hex; tokens: bigint; amount: bigint }[];
  /** What each split is owed in its life, sorted by split. */
  cumulative: { splitId: Hex; amount: bigint }[];
  /** The sum of it: the `total` that is posted. */
  total: bigint;
  /** Whether any split is owed more than before, so that the root has to be posted. */
  changed: boolean;
  /** keccak256 of the inputs; a leaf of nothing in the tree, so that the root is that of these very inputs. */
  digest: Hex;
  root: Hex;
  tree: StandardMerkleTree<[Hex, string]>;
}

const MAX_TOTAL = 2n ** 64n - 1n;

/**
 * Shares a month's pool by use: `floor(pool × tokens ÷ all tokens)` for each model's split; what is left is carried.
 * The root is of OpenZeppelin's standard tree over (split, amount owed in its life), and one leaf more: (keccak256 of
 * the canonical inputs, 0), which claims nothing and ties the root to every byte of them.
 * @throws {InputsError}
 */
export function distribute(inputs: DistributionInputs): Distribution {
  const digest = keccak256(stringToBytes(serializeInputs(inputs)));
  const { previous, purchases, usage } = inputs;
  const pool = previous.carry + purchases.reduce((sum, purchase) => sum + poolPart(purchase), 0n);
  const tokens = usage.reduce((sum, row) => sum + row.tokens, 0n);
  const models = usage.map((row) => ({ ...row, amount: (pool * row.tokens) / tokens }));
  const shared = models.reduce((sum, { amount }) => sum + amount, 0n);

  const owed = new Map(previous.cumulative.map(({ splitId, amount }) => [splitId, amount]));
  for (const { splitId, amount } of models) owed.set(splitId, (owed.get(splitId) ?? 0n) + amount);
  const cumulative = [...owed]
    .filter(([, amount]) => amount > 0n)
    .map(([splitId, amount]) => ({ splitId, amount }))
    .sort((a, b) => (a.splitId < b.splitId ? -1 : 1));
  const total = cumulative.reduce((sum, { amount }) => sum + amount, 0n);
  if (total + pool > MAX_TOTAL) throw new InputsError("", "More than the contract can hold");

  const leaves = cumulative.map(({ splitId, amount }): [Hex, string] => [splitId, `${amount}`]);
  const tree = StandardMerkleTree.of<[Hex, string]>([...leaves, [digest, "0"]], ["bytes32", "uint256"]);
  return {
    month: monthIndex(inputs.month),
    pool,
    carry: pool - shared,
    tokens,
    models,
    cumulative,
    total,
    changed: shared > 0n,
    digest,
    root: tree.root as Hex,
    tree,
  };
}

/**
 * What a split claims with.
 * @returns null when nothing was ever owed to it
 */
export function claimOf(
  { tree, cumulative }: Distribution,
  splitId: Hex,
): { amount: bigint; proof: Hex[] } | null {
  const row = cumulative.find((each) => each.splitId === splitId.toLowerCase());
  if (!row) return null;
  return { amount: row.amount, proof: tree.getProof([row.splitId, `${row.amount}`]) as Hex[] };
}

/**
 * What the periods of a purchase bring the pool: of the pool's part S of n months, period i brings
 * `floor(S(i+1) ÷ n) − floor(S·i ÷ n)`, so that all of them bring S exactly.
 */
export function poolPart({
  price,
  fee,
  months,
  periods,
}: Pick<DistributionInputs["purchases"][number], "price" | "fee" | "months" | "periods">): bigint {
  const share = price - fee;
  const whole = BigInt(months);
  const upTo = (index: number) => (share * BigInt(index)) / whole;
  return periods.reduce((sum, { index }) => sum + upTo(index + 1) - upTo(index), 0n);
}

/** A purchase of a plan, as the chain tells it. */
export interface PlanPurchase {
  txHash: Hex;
  logIndex: number;
  blockNumber: bigint;
  /** Of its block, in seconds. */
  blockTimestamp: bigint;
  plan: number;
  account: string;
  months: number;
  price: bigint;
  fee: bigint;
}

/**
 * The purchases of which a period starts in a month, as the inputs want them. A period starts when the one before ends,
 * or with the purchase; each plan of each account goes by itself.
 * @param purchases every purchase until the end of the month, in any order
 */
export function purchasesOfMonth(
  purchases: readonly PlanPurchase[],
  month: number,
): DistributionInputs["purchases"] {
  const ordered = [...purchases].sort(
    (a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex,
  );
  const ends = new Map<string, bigint>();
  return ordered
    .flatMap(({ txHash, logIndex, blockTimestamp, plan, account, months, price, fee }) => {
      const key = `${plan}:${account.toLowerCase()}`;
      const end = extendPeriod(blockTimestamp, ends.get(key) ?? null, BigInt(months));
      ends.set(key, end);
      const first = end - BigInt(months) * FEES.month;
      const periods = Array.from({ length: months }, (_, index) => ({
        index,
        start: Number(first + BigInt(index) * FEES.month),
      })).filter(({ start }) => monthOf(BigInt(start)) === month);
      return periods.length > 0 ? [{ txHash, logIndex, plan, months, price, fee, periods }] : [];
    })
    .sort(comparePurchases);
}

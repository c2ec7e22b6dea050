import { aiforgeAbi, deployments, usdtAbi } from "@aiforge/contracts";
import { type Address, getContract, type Hex, hexToBigInt, zeroHash } from "viem";
import type { testClient } from "../../scripts/testing/chain.ts";
import { query } from "./support.ts";

const { aiforge, usdt } = deployments[31337]!;
const STATUSES = ["none", "open", "submitted", "disputed", "paid", "refunded", "resolved"];

type Numbers<T extends string> = Record<T, string>;

/**
 * Asks the contract about every key that the mirror knows, and the mirror about itself.
 * @returns what the mirror says and what is true, side by side and equal if the mirror is right; and how much was compared
 */
export async function compareWithContract(databaseUrl: string, client: ReturnType<typeof testClient>) {
  const { read } = getContract({ address: aiforge, abi: aiforgeAbi, client });
  const rows = <T extends Record<string, unknown>>(sql: string) => query<T>(databaseUrl, sql);
  const mirrored: Record<string, unknown> = {};
  const actual: Record<string, unknown> = {};
  const compare = (what: string, mirror: unknown, truth: unknown) => {
    mirrored[what] = mirror;
    actual[what] = truth;
  };

  for (const { payee, amount, sum } of await rows<{ payee: Address } & Numbers<"amount" | "sum">>(
    "SELECT payee, amount, sum(delta) FROM chain.credits JOIN chain.credit_entries USING (chain_id, payee) GROUP BY 1, 2",
  )) {
    compare(`credit of ${payee}`, BigInt(amount), await read.creditOf([payee]));
    compare(`entries of ${payee}`, BigInt(sum), BigInt(amount));
  }
  for (const row of await rows<{ split_id: Hex } & Numbers<"earned" | "claimed" | "sum">>(
    `SELECT split_id, s.earned, claimed, coalesce(sum(e.amount), 0) AS sum FROM chain.splits s
     LEFT JOIN chain.split_earnings e USING (chain_id, split_id) GROUP BY 1, 2, 3`,
  )) {
    compare(`earned by ${row.split_id}`, BigInt(row.earned), await read.earnedOf([row.split_id]));
    compare(`claimed by ${row.split_id}`, BigInt(row.claimed), await read.claimedOf([row.split_id]));
    compare(`earnings of ${row.split_id}`, BigInt(row.sum), BigInt(row.earned));
  }
  for (const { split_id, member, drawn } of await rows<{
    split_id: Hex;
    member: Address;
    drawn: string;
  }>("SELECT split_id, member, drawn FROM chain.members")) {
    compare(`drawn by ${member} from ${split_id}`, BigInt(drawn), await read.drawnOf([split_id, member]));
  }
  for (const row of await rows<
    { model_id: Hex; owner: string; split_id: Hex } & Numbers<
      "paid_until" | "price_month" | "price_sale" | "price_input" | "price_output"
    >
  >("SELECT * FROM chain.models")) {
    const [owner, paidUntil, splitId, terms] = await read.modelOf([row.model_id]);
    compare(
      `model ${row.model_id}`,
      [
        row.owner,
        BigInt(row.paid_until),
        row.split_id,
        [row.price_month, row.price_sale, row.price_input, row.price_output].map(BigInt),
      ],
      [owner.toLowerCase(), paidUntil, splitId, [terms.month, terms.sale, terms.input, terms.output]],
    );
  }
  let funded = 0n;
  for (const row of await rows<{ plan: number } & Numbers<"price" | "funded">>("SELECT * FROM chain.plans")) {
    compare(`price of plan ${row.plan}`, BigInt(row.price), await read.planPriceOf([row.plan]));
    funded += BigInt(row.funded);
  }
  compare("pool funded", funded, await read.poolFunded());
  const pool = await read.poolOf();
  for (const row of await rows<
    Record<"root" | "pending_root", string | null> &
      Numbers<"total" | "claimed" | "pending_total"> & {
        active_at: string | null;
        month: number;
        previous_month: number;
      }
  >("SELECT * FROM chain.pool")) {
    compare(
      "pool",
      {
        root: row.root ?? zeroHash,
        pendingRoot: row.pending_root ?? zeroHash,
        total: BigInt(row.total),
        claimed: BigInt(row.claimed),
        pendingTotal: BigInt(row.pending_total),
        activeAt: Number(row.active_at ?? 0),
        month: row.month,
        previousMonth: row.previous_month,
      },
      pool,
    );
  }
  for (const row of await rows<
    { payer: Address; day: number; leave_at: string | null } & Numbers<
      "amount" | "daily_cap" | "spent" | "sum"
    >
  >(
    `SELECT d.*, (SELECT coalesce(sum(e.amount), 0) FROM chain.usage_entries e WHERE e.payer = d.payer) AS sum
     FROM chain.usage_deposits d`,
  )) {
    compare(
      `deposit of ${row.payer}`,
      {
        amount: BigInt(row.amount),
        dailyCap: BigInt(row.daily_cap),
        spent: BigInt(row.spent),
        day: row.day,
        leaveAt: Number(row.leave_at ?? 0),
      },
      await read.usageDepositOf([row.payer]),
    );
    compare(`deposit entries of ${row.payer}`, BigInt(row.sum), BigInt(row.amount));
  }
  const [{ last } = { last: "0" }] = await rows<{ last: string }>(
    "SELECT coalesce(max(batch), 0) AS last FROM chain.usage_batches",
  );
  compare("last batch", BigInt(last), await read.lastUsageBatch());
  let escrow = 0n;
  for (const row of await rows<
    { job_id: Hex; status: string } & Numbers<"updated_at" | "price" | "paid" | "fee" | "refunded">
  >("SELECT * FROM chain.jobs")) {
    const job = await read.jobOf([row.job_id]);
    const held = BigInt(row.price) - BigInt(row.paid) - BigInt(row.fee) - BigInt(row.refunded);
    compare(
      `job ${row.job_id}`,
      [row.status, BigInt(row.updated_at), held],
      [STATUSES[job.status], BigInt(job.since), job.escrow],
    );
    escrow += held;
  }
  for (const { role, account } of await rows<{ role: Hex; account: Address }>("SELECT * FROM chain.roles")) {
    compare(`${role} of ${account}`, true, await read.hasRole([role, account]));
  }
  for (const { role, admin_role } of await rows<{ role: Hex; admin_role: Hex }>(
    "SELECT * FROM chain.role_admins",
  )) {
    compare(`admin of ${role}`, admin_role, await read.getRoleAdmin([role]));
  }
  for (const row of await rows<{
    treasury: string;
    paused: boolean;
    uncollected_fees: string;
    pending_admin: string | null;
    pending_admin_from: string | null;
  }>("SELECT * FROM chain.settings")) {
    const [admin, schedule] = await read.pendingDefaultAdmin();
    compare(
      "settings",
      [
        row.treasury,
        row.paused,
        BigInt(row.uncollected_fees),
        row.pending_admin ?? 0n,
        row.pending_admin_from,
      ],
      [
        (await read.treasury()).toLowerCase(),
        await read.paused(),
        await read.uncollectedFees(),
        hexToBigInt(admin) === 0n ? 0n : admin.toLowerCase(),
        schedule === 0 ? null : String(schedule),
      ],
    );
  }
  // Nobody sent the contract anything by a plain transfer, so what the mirror says is owed is all that is there.
  const [{ owed } = { owed: "0" }] = await rows<{ owed: string }>(
    `SELECT (SELECT coalesce(sum(amount), 0) FROM chain.credits) + (SELECT sum(uncollected_fees) FROM chain.settings)
       + (SELECT coalesce(sum(earned), 0) FROM chain.splits) - (SELECT coalesce(sum(drawn), 0) FROM chain.members)
       + (SELECT sum(funded) FROM chain.plans) - (SELECT coalesce(sum(claimed), 0) FROM chain.splits)
       + (SELECT coalesce(sum(amount), 0) FROM chain.usage_deposits) AS owed`,
  );
  compare(
    "what the contract holds",
    BigInt(owed) + escrow,
    await client.readContract({
      address: usdt,
      abi: usdtAbi,
      functionName: "balanceOf",
      args: [aiforge],
    }),
  );
  return { mirrored, actual, compared: Object.keys(mirrored).length };
}

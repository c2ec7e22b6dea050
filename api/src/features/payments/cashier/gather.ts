import { and, asc, eq, inArray, isNull, sql, sum } from "drizzle-orm";
import type { Chain } from "../../../chain/chains.ts";
import type { Executor } from "../../../db/client.ts";
import { creditCall } from "./decide.ts";
import { cashierOrders, incomingTransfers } from "./schema.ts";

/*
 * Credit that is too little for a transaction of its own waits until what waits for the same payee is enough together, or
 * more comes for that payee. One order, the carrier, then pays for all; each keeps its own amount and is done with it.
 */

type Order = Pick<typeof cashierOrders.$inferSelect, "seq">;

const CREDIT = ["surplus", "credit"] as const;
const AT_ONCE = 100;

/** The payees for whom what waits can be paid now. */
export async function payeesToGather(db: Executor, chain: Chain, signer: string): Promise<string[]> {
  const { rows } = await db.execute<{ payee: string }>(sql`
    SELECT i.payee FROM ${cashierOrders} o JOIN ${incomingTransfers} i ON i.id = o.transfer_id
    WHERE o.chain = ${chain.chain} AND o.signer = ${signer} AND o.state = 'waiting' AND o.carrier_seq IS NULL
    GROUP BY i.payee
    HAVING sum(o.amount) >= ${chain.leastCredit.toString()}::numeric OR EXISTS (
      SELECT FROM ${cashierOrders} next JOIN ${incomingTransfers} its ON its.id = next.transfer_id
      WHERE next.chain = ${chain.chain} AND next.signer = ${signer} AND next.state = 'pending'
        AND next.kind IN ('surplus', 'credit') AND its.payee = i.payee)
    LIMIT ${AT_ONCE}`);
  return rows.map(({ payee }) => payee);
}

/** Has what waits for a payee paid with the next credit of theirs that is not signed yet, or by the first that waits. */
export async function gatherCredits(
  tx: Executor,
  chain: Chain,
  signer: string,
  payee: string,
): Promise<void> {
  const own = (state: "pending" | "waiting") =>
    tx
      .select({ seq: cashierOrders.seq, amount: cashierOrders.amount })
      .from(cashierOrders)
      .where(
        and(
          eq(cashierOrders.chain, chain.chain),
          eq(cashierOrders.signer, signer),
          inArray(cashierOrders.kind, CREDIT),
          eq(cashierOrders.state, state),
          isNull(cashierOrders.carrierSeq),
          sql`${cashierOrders.transferId} IN (SELECT id FROM ${incomingTransfers} WHERE payee = ${payee})`,
        ),
      )
      .orderBy(asc(cashierOrders.seq))
      .for("update");
  const [next] = await own("pending");
  const waiting = await own("waiting");
  const total = waiting.reduce((all, { amount }) => all + amount, 0n);
  const carrier = next ?? (total >= chain.leastCredit ? waiting.shift() : undefined);
  if (!carrier || (next && waiting.length === 0)) return;
  if (waiting.length > 0) {
    const seqs = waiting.map(({ seq }) => seq);
    await tx
      .update(cashierOrders)
      .set({ carrierSeq: carrier.seq, updatedAt: new Date() })
      .where(inArray(cashierOrders.seq, seqs));
  }
  const [carried] = await tx
    .select({ amount: sum(cashierOrders.amount).mapWith(BigInt) })
    .from(cashierOrders)
    .where(carriedBy(carrier));
  const call = creditCall(chain, payee, carrier.amount + (carried?.amount ?? 0n));
  await tx
    .update(cashierOrders)
    // A new order, so that its turn is not that of what was tried and had to wait.
    .set(next ? { call } : { call, state: "pending" })
    .where(eq(cashierOrders.seq, carrier.seq));
}

const carriedBy = ({ seq }: Order) =>
  and(eq(cashierOrders.carrierSeq, seq), eq(cashierOrders.state, "waiting"));

/** What an order carries was paid with it. */
export async function finishCarried(tx: Executor, carrier: Order, txHash: string): Promise<void> {
  await tx
    .update(cashierOrders)
    .set({ state: "done", txHash, updatedAt: new Date() })
    .where(carriedBy(carrier));
}

/** What an order carries, set free of it, for it can never be carried out. */
export function releaseCarried(tx: Executor, carrier: Order) {
  return tx.update(cashierOrders).set({ carrierSeq: null }).where(carriedBy(carrier)).returning();
}

/** What was paid with these orders is not, as long as the chain does not have their transactions again. */
export async function reopenCarried(tx: Executor, carriers: Order[]): Promise<void> {
  if (carriers.length === 0) return;
  const seqs = carriers.map(({ seq }) => seq);
  await tx
    .update(cashierOrders)
    .set({ state: "waiting", txHash: null, updatedAt: new Date() })
    .where(and(inArray(cashierOrders.carrierSeq, seqs), eq(cashierOrders.state, "done")));
}

import { and, asc, desc, eq, gte, inArray, isNull, ne, or, sql, sum } from "drizzle-orm";
import type { Chain } from "../../../chain/chains.ts";
import type { Executor } from "../../../db/client.ts";
import { payments } from "../schema.ts";
import { orderCredit } from "./decide.ts";
import { finishCarried, releaseCarried, reopenCarried } from "./gather.ts";
import { cashierOrders, cashierTransactions, incomingTransfers } from "./schema.ts";

export type Order = typeof cashierOrders.$inferSelect;
export type Signed = typeof cashierTransactions.$inferSelect;

/* Each of these is one step of an order; call it in a transaction. What is not in the state it starts from stays. */

/**
 * Orders in the order in which they are carried out: an allowance comes before what needs it, a purchase before credit, so
 * that nobody's many small transfers keep others from what they pay for; what had to wait comes after what was not tried
 * yet, each in its turn. What is signed is mined in the order of its nonces.
 */
export function ordersIn(db: Executor, chain: Chain, state: "pending" | "signed", limit: number) {
  return db
    .select()
    .from(cashierOrders)
    .where(and(eq(cashierOrders.chain, chain.chain), eq(cashierOrders.state, state)))
    .orderBy(
      ...(state === "signed"
        ? [asc(cashierOrders.nonce)]
        : [
            desc(sql`${cashierOrders.kind} = 'approve'`),
            sql`CASE WHEN ${cashierOrders.updatedAt} <> ${cashierOrders.createdAt}
              THEN ${cashierOrders.updatedAt} END NULLS FIRST`,
            desc(sql`${cashierOrders.kind} = 'purchase'`),
          ]),
      asc(cashierOrders.seq),
    )
    .limit(limit);
}

/** An order cannot be carried out now: the others that wait have their turn before it has another. */
export async function putOff(db: Executor, order: Order): Promise<void> {
  await db
    .update(cashierOrders)
    .set({ updatedAt: sql`clock_timestamp()` })
    .where(and(eq(cashierOrders.seq, order.seq), eq(cashierOrders.state, "pending")));
}

/** The signed transactions of an order, the newest first; at most one of them is ever mined. */
export function transactionsOf(db: Executor, order: Order): Promise<Signed[]> {
  return db
    .select()
    .from(cashierTransactions)
    .where(and(eq(cashierTransactions.orderSeq, order.seq), eq(cashierTransactions.nonce, order.nonce ?? -1)))
    .orderBy(desc(cashierTransactions.createdAt));
}

/**
 * The first nonce from `next` on that no order has. An order that is done keeps its own: should the chain take its
 * transaction back, that nonce is for that transaction and nothing else.
 */
export async function freeNonce(db: Executor, chain: Chain, signer: string, next: number): Promise<number> {
  const rows = await db
    .select({ nonce: cashierOrders.nonce })
    .from(cashierOrders)
    .where(ofSigner(chain, signer, next))
    .orderBy(asc(cashierOrders.nonce));
  const taken = new Set(rows.map(({ nonce }) => nonce));
  let nonce = next;
  while (taken.has(nonce)) nonce++;
  return nonce;
}

const ofSigner = (chain: Chain, signer: string, from: number) =>
  and(eq(cashierOrders.chain, chain.chain), eq(cashierOrders.signer, signer), gte(cashierOrders.nonce, from));

/**
 * Takes orders up again whose transactions the chain took back after they were settled, as its count of the wallet's
 * transactions tells: such an order is signed as before, and the same transaction is sent again. It is for the one nonce,
 * so it happens once, whether it comes back by itself, is sent again, or was there all the time and the node only lags.
 * @param next how many transactions of the wallet the chain has
 * @returns the orders
 */
export async function reopenLost(
  tx: Executor,
  chain: Chain,
  signer: string,
  next: number,
): Promise<{ seq: bigint; nonce: number | null }[]> {
  const lost = and(ofSigner(chain, signer, next), inArray(cashierOrders.state, ["done", "refused"]));
  const [approval] = await tx
    .select({ seq: cashierOrders.seq })
    .from(cashierOrders)
    .where(and(lost, eq(cashierOrders.kind, "approve")))
    .orderBy(asc(cashierOrders.nonce))
    .limit(1);
  // Allowances come one after the other: what was ordered in place of the lost one gives way to it, and keeps its nonce.
  if (approval) {
    await tx
      .update(cashierOrders)
      .set({ state: "refused", refusal: "superseded", updatedAt: new Date() })
      .where(
        and(
          eq(cashierOrders.chain, chain.chain),
          eq(cashierOrders.signer, signer),
          eq(cashierOrders.kind, "approve"),
          inArray(cashierOrders.state, ["pending", "signed"]),
        ),
      );
  }
  const reopened = await tx
    .update(cashierOrders)
    .set({ state: "signed", updatedAt: new Date() })
    .where(and(lost, or(ne(cashierOrders.kind, "approve"), eq(cashierOrders.seq, approval?.seq ?? -1n))))
    .returning({ seq: cashierOrders.seq, nonce: cashierOrders.nonce });
  await reopenCarried(tx, reopened);
  return reopened;
}

/**
 * Keeps a signed transaction, before it is sent. A purchase's payment is told the transaction, so that its event goes to
 * this payment before others that fit as well.
 * @returns false when the order is not `from` any more, or not for the same: then the transaction must never be sent
 */
export async function keepSigned(
  tx: Executor,
  order: Order,
  from: "pending" | "signed",
  signed: Omit<Signed, "createdAt" | "orderSeq" | "chain">,
): Promise<boolean> {
  const moved = await tx
    .update(cashierOrders)
    .set({ state: "signed", nonce: signed.nonce, updatedAt: new Date() })
    .where(
      and(
        eq(cashierOrders.seq, order.seq),
        eq(cashierOrders.state, from),
        from === "signed" ? eq(cashierOrders.nonce, signed.nonce) : isNull(cashierOrders.nonce),
        // More may have come to be paid with it.
        sql`${cashierOrders.call} ->> 'data' = ${order.call.data}`,
      ),
    )
    .returning({ seq: cashierOrders.seq });
  if (moved.length === 0) return false;
  await tx
    .insert(cashierTransactions)
    .values({ ...signed, chain: order.chain, orderSeq: order.seq })
    .onConflictDoNothing();
  if (order.kind === "purchase") await tellPayment(tx, order, signed.hash);
  return true;
}

/**
 * An order was carried out. What a purchase left of the transfer, its tail included, becomes credit.
 * @param paid micro-USDT that the contract took
 * @returns micro-USDT that the cashier paid over what came: 0, unless the chain took a settled purchase back and it went
 *   otherwise the second time
 */
export async function finish(
  tx: Executor,
  chain: Chain,
  order: Order,
  { txHash, paid }: { txHash: string; paid: bigint },
): Promise<bigint> {
  const purchase = order.kind === "purchase";
  if (!(await move(tx, order, "done", purchase ? { txHash, amount: paid } : { txHash }))) return 0n;
  if (!purchase) await finishCarried(tx, order, txHash);
  if (!purchase || !order.transferId) return 0n;
  await tellPayment(tx, order, txHash);
  const transfer = await lockTransfer(tx, order.transferId);
  if (!transfer?.payee) return 0n;
  const { left, surplus } = await leftOf(tx, transfer, paid);
  const { id, payee } = transfer;
  if (left > 0n) {
    await orderCredit(tx, chain, order.signer, {
      id,
      payee,
      amount: left,
      kind: surplus ? "credit" : "surplus",
    });
  }
  return left < 0n ? -left : 0n;
}

/** What is left of a transfer when `taken` micro-USDT were, and what was ordered as credit before. */
async function leftOf(tx: Executor, transfer: typeof incomingTransfers.$inferSelect, taken: bigint) {
  const credits = await tx
    .select({ kind: cashierOrders.kind, amount: sum(cashierOrders.amount).mapWith(BigInt) })
    .from(cashierOrders)
    .where(and(eq(cashierOrders.transferId, transfer.id), inArray(cashierOrders.kind, ["surplus", "credit"])))
    .groupBy(cashierOrders.kind);
  return {
    left: credits.reduce((left, { amount }) => left - amount, transfer.amount - taken),
    surplus: credits.some(({ kind }) => kind === "surplus"),
  };
}

/**
 * An order can never be carried out. All of a purchase's transfer that is not yet becomes credit; what cannot be credited is held.
 * @param refusal name of the contract's error, or `already_used`
 */
export async function refuse(tx: Executor, chain: Chain, order: Order, refusal: string): Promise<void> {
  if (!(await move(tx, order, "refused", { refusal }))) return;
  if (!order.transferId) return;
  const transfer = await lockTransfer(tx, order.transferId);
  if (!transfer) return;
  const set = (values: Partial<typeof incomingTransfers.$inferInsert>) =>
    tx.update(incomingTransfers).set(values).where(eq(incomingTransfers.id, transfer.id));
  if (order.kind === "purchase" && transfer.payee) {
    await set({ outcome: "credit", code: refusal === "already_used" ? refusal : "refused" });
    const { id, payee } = transfer;
    const { left } = await leftOf(tx, transfer, 0n);
    if (left > 0n) await orderCredit(tx, chain, order.signer, { id, payee, amount: left, kind: "credit" });
    if (transfer.paymentId) {
      await tx
        .update(payments)
        .set({ txHash: null })
        .where(
          and(
            eq(payments.id, transfer.paymentId),
            isNull(payments.logIndex),
            sql`${payments.txHash} IN (SELECT hash FROM ${cashierTransactions} WHERE order_seq = ${order.seq})`,
          ),
        );
    }
  } else if (order.kind === "credit") {
    await set({ outcome: "held", code: "not_payable" });
  }
  // What the contract does not credit a payee with, it does not credit them with in part either.
  for (const carried of await releaseCarried(tx, order)) await refuse(tx, chain, carried, refusal);
}

/** Orders something for a transfer, or anew what was refused before; what is under way or done stays. */
export async function placeOrder(tx: Executor, order: typeof cashierOrders.$inferInsert): Promise<void> {
  const { signer, amount, call } = order;
  await tx
    .insert(cashierOrders)
    .values(order)
    .onConflictDoUpdate({
      target: [cashierOrders.transferId, cashierOrders.kind],
      set: {
        ...{ signer, amount, call, state: "pending" as const, updatedAt: new Date() },
        ...{ nonce: null, txHash: null, refusal: null, carrierSeq: null },
      },
      setWhere: eq(cashierOrders.state, "refused"),
    });
}

/** Its transaction can never be mined, but another can: the order starts over. */
export async function startOver(tx: Executor, order: Order): Promise<void> {
  await tx
    .update(cashierOrders)
    .set({ state: "pending", nonce: null, updatedAt: new Date() })
    .where(
      and(
        eq(cashierOrders.seq, order.seq),
        eq(cashierOrders.state, "signed"),
        eq(cashierOrders.nonce, order.nonce ?? -1),
      ),
    );
}

async function move(
  tx: Executor,
  order: Order,
  state: "done" | "refused",
  values: { txHash?: string; refusal?: string; amount?: bigint },
): Promise<boolean> {
  const moved = await tx
    .update(cashierOrders)
    .set({ state, ...values, updatedAt: new Date() })
    .where(and(eq(cashierOrders.seq, order.seq), eq(cashierOrders.state, order.state)))
    .returning({ seq: cashierOrders.seq });
  return moved.length > 0;
}

async function lockTransfer(tx: Executor, id: string) {
  const [row] = await tx.select().from(incomingTransfers).where(eq(incomingTransfers.id, id)).for("update");
  return row;
}

async function tellPayment(tx: Executor, order: Order, txHash: string): Promise<void> {
  await tx
    .update(payments)
    .set({ txHash, failure: null })
    .where(
      and(
        isNull(payments.logIndex),
        sql`${payments.id} = (SELECT payment_id FROM ${incomingTransfers} WHERE id = ${order.transferId})`,
      ),
    );
}

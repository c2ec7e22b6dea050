import { and, asc, desc, eq, isNull, max, sql } from "drizzle-orm";
import type { Chain } from "../../../chain/chains.ts";
import type { Executor } from "../../../db/client.ts";
import { payments } from "../schema.ts";
import { orderCredit } from "./decide.ts";
import { cashierOrders, cashierTransactions, incomingTransfers } from "./schema.ts";

export type Order = typeof cashierOrders.$inferSelect;
export type Signed = typeof cashierTransactions.$inferSelect;

/* Each of these is one step of an order; call it in a transaction. What is not in the state it starts from stays. */

/** Orders in the order in which they are carried out: an allowance comes before what needs it. */
export function ordersIn(db: Executor, chain: Chain, state: "pending" | "signed", limit: number) {
  return db
    .select()
    .from(cashierOrders)
    .where(and(eq(cashierOrders.chain, chain.chain), eq(cashierOrders.state, state)))
    .orderBy(desc(sql`${cashierOrders.kind} = 'approve'`), asc(cashierOrders.seq))
    .limit(limit);
}

/** The signed transactions of an order, the newest first; at most one of them is ever mined. */
export function transactionsOf(db: Executor, order: Order): Promise<Signed[]> {
  return db
    .select()
    .from(cashierTransactions)
    .where(and(eq(cashierTransactions.orderSeq, order.seq), eq(cashierTransactions.nonce, order.nonce ?? -1)))
    .orderBy(desc(cashierTransactions.createdAt));
}

/** The highest nonce that is signed for and not done, or null. */
export async function lastNonce(db: Executor, chain: Chain, signer: string): Promise<number | null> {
  const [row] = await db
    .select({ nonce: max(cashierOrders.nonce) })
    .from(cashierOrders)
    .where(
      and(
        eq(cashierOrders.chain, chain.chain),
        eq(cashierOrders.signer, signer),
        eq(cashierOrders.state, "signed"),
      ),
    );
  return row?.nonce ?? null;
}

/**
 * Keeps a signed transaction, before it is sent. A purchase's payment is told the transaction, so that its event goes to
 * this payment before others that fit as well.
 * @returns false when the order is not `from` any more: then the transaction must never be sent
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
 */
export async function finish(
  tx: Executor,
  chain: Chain,
  order: Order,
  { txHash, paid }: { txHash: string; paid: bigint },
): Promise<void> {
  const purchase = order.kind === "purchase";
  if (!(await move(tx, order, "done", purchase ? { txHash, amount: paid } : { txHash }))) return;
  if (!purchase || !order.transferId) return;
  await tellPayment(tx, order, txHash);
  const transfer = await lockTransfer(tx, order.transferId);
  if (!transfer?.payee || transfer.amount <= paid) return;
  await orderCredit(tx, chain, order.signer, {
    id: transfer.id,
    payee: transfer.payee,
    amount: transfer.amount - paid,
    kind: "surplus",
  });
}

/**
 * An order can never be carried out. A purchase's whole transfer becomes credit; what cannot be credited is held.
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
    await orderCredit(tx, chain, order.signer, {
      id: transfer.id,
      payee: transfer.payee,
      amount: transfer.amount,
      kind: "credit",
    });
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

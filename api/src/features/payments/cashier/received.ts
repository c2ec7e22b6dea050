import { and, desc, eq, gt, inArray, isNotNull, lte, or, type SQL, sql } from "drizzle-orm";
import { type Chain, confirmationsAt } from "../../../chain/chains.ts";
import { transactionPage } from "../../../chain/explorer.ts";
import { chainHeads, chainTransfers } from "../../../chain/schema.ts";
import { showAddress } from "../../../chain/show.ts";
import { usdt } from "../../../core/money.ts";
import type { Deps } from "../../../deps.ts";
import { wallets } from "../../wallets/schema.ts";
import { payerOf } from "../history.ts";
import { payments } from "../schema.ts";
import type { Received } from "../shapes.ts";
import { arriving, besideQuote, explainDecided } from "./reasons.ts";
import { LATE_MS } from "./reservations.ts";
import { cashierOrders, incomingTransfers } from "./schema.ts";
import { cashierOf } from "./wallet.ts";

type Payment = typeof payments.$inferSelect;

/** The plain transfer that came for each payment, if one did: the one that buys it, or may yet, or else the last. */
export async function receivedFor(deps: Deps, rows: Payment[]): Promise<Map<string, Received>> {
  const waiting = rows.filter(({ transferAmount }) => transferAmount !== null);
  const found = new Map<string, Received>();
  if (waiting.length === 0) return found;
  const ids = waiting.map(({ id }) => id);
  for (const { paymentId, view } of await decidedTransfers(deps, inArray(incomingTransfers.paymentId, ids))) {
    if (paymentId && found.get(paymentId)?.outcome !== "purchase") found.set(paymentId, view);
  }
  // What was short leaves the quote open: another may be on its way. Once its amount is free again it may be another's.
  const ended = Date.now() - LATE_MS;
  const open = waiting.filter(
    ({ id, logIndex, expiresAt }) =>
      logIndex === null && found.get(id)?.outcome !== "purchase" && expiresAt.getTime() > ended,
  );
  for (const [id, view] of await arrivingFor(deps, open)) found.set(id, view);
  return found;
}

/**
 * For each quote that is not paid: the transfers from wallets of its user that came while it was open, were not its amount
 * nor any other's, and became those wallets' credit. Nothing says that they were meant for it; whoever sent them for it
 * must be told all the same.
 * @param userId who looks: nobody sees another's transfers
 */
export async function unmatchedFor(
  deps: Deps,
  rows: Payment[],
  userId: string,
): Promise<Map<string, Received[]>> {
  const found = new Map<string, Received[]>();
  const open = rows.filter(
    (row) => row.userId === userId && row.transferAmount !== null && row.logIndex === null,
  );
  if (open.length === 0) return found;
  const came = await deps.db
    .select({ id: incomingTransfers.id, chain: incomingTransfers.chain, block: chainTransfers.blockNumber })
    .from(incomingTransfers)
    .innerJoin(
      chainTransfers,
      and(
        eq(chainTransfers.from, incomingTransfers.sender),
        eq(chainTransfers.chainId, incomingTransfers.chain),
        eq(chainTransfers.txHash, incomingTransfers.txHash),
        eq(chainTransfers.logIndex, incomingTransfers.logIndex),
      ),
    )
    .where(
      and(
        sql`${incomingTransfers.payee} IN (SELECT w.address FROM ${wallets} w WHERE w.user_id = ${userId})`,
        eq(incomingTransfers.outcome, "credit"),
        eq(incomingTransfers.code, "unmatched"),
        or(...open.map(whileOpen)),
      ),
    );
  if (came.length === 0) return found;
  const ids = came.map(({ id }) => id);
  for (const { id, receivedAt, view } of await decidedTransfers(deps, inArray(incomingTransfers.id, ids))) {
    const at = came.find((each) => each.id === id)!;
    for (const payment of open) {
      const { chain, quotedBlock, expiresAt, transferAmount } = payment;
      if (chain !== at.chain || quotedBlock >= at.block || receivedAt > expiresAt) continue;
      const reason = view.reason && besideQuote(view.reason, transferAmount!);
      found.set(payment.id, [...(found.get(payment.id) ?? []), { ...view, reason }]);
    }
  }
  return found;
}

const whileOpen = ({ chain, quotedBlock, expiresAt }: Payment) =>
  and(
    eq(incomingTransfers.chain, chain),
    gt(chainTransfers.blockNumber, quotedBlock),
    lte(incomingTransfers.receivedAt, expiresAt),
  );

const SHOWN = 500;

/** Decided transfers as JSON, the newest 500, the oldest of them first. */
export async function decidedTransfers(deps: Deps, where: SQL | undefined) {
  const rows = await deps.db
    .select({ transfer: incomingTransfers, price: payments.amount })
    .from(incomingTransfers)
    .leftJoin(payments, eq(payments.id, incomingTransfers.paymentId))
    .where(where)
    .orderBy(
      desc(incomingTransfers.receivedAt),
      desc(incomingTransfers.decidedAt),
      desc(incomingTransfers.id),
    )
    .limit(SHOWN);
  if (rows.length === 0) return [];
  const orders = await deps.db
    .select()
    .from(cashierOrders)
    .where(
      inArray(
        cashierOrders.transferId,
        rows.map(({ transfer }) => transfer.id),
      ),
    );
  return rows.toReversed().map(({ transfer, price }) => {
    const own = orders.filter(({ transferId }) => transferId === transfer.id);
    const credits = own.filter(({ kind, state }) => kind !== "purchase" && state === "done");
    const waiting = own.filter(({ state, carrierSeq }) => state === "waiting" && carrierSeq === null);
    const chain = deps.chains.get(transfer.chain);
    const view: Received = {
      txHash: transfer.txHash,
      explorer: transactionPage(chain, transfer.txHash),
      from: transfer.sender,
      amount: usdt(transfer.amount),
      outcome: transfer.outcome,
      confirmations: chain.confirmations,
      payee: transfer.payee,
      credited: usdt(totalOf(credits)),
      waiting: usdt(totalOf(waiting)),
      creditTxHash: credits[0]?.txHash ?? null,
      reason: explainDecided({
        ...transfer,
        payee: transfer.payee && showAddress(transfer.chain, transfer.payee),
        price,
        orders: own,
      }),
    };
    return { id: transfer.id, paymentId: transfer.paymentId, receivedAt: transfer.receivedAt, view };
  });
}

const totalOf = (orders: { amount: bigint }[]) => orders.reduce((total, { amount }) => total + amount, 0n);

/** The transfers that came for a user's payments, or that are theirs: from or for a wallet of theirs. Newest first. */
export async function myTransfers(deps: Deps, userId: string): Promise<Received[]> {
  const { accounts, wallets: own } = await payerOf(deps, userId);
  const found = await decidedTransfers(
    deps,
    or(
      inArray(incomingTransfers.payee, own),
      inArray(incomingTransfers.sender, own),
      and(
        isNotNull(incomingTransfers.paymentId),
        or(eq(payments.userId, userId), inArray(payments.account, accounts)),
      ),
    ),
  );
  return found.toReversed().map(({ view }) => view);
}

/** Transfers of exactly the amount that a quote waits for, which are not confirmed or not decided yet. */
async function arrivingFor(deps: Deps, open: Payment[]): Promise<Map<string, Received>> {
  const found = new Map<string, Received>();
  const ways = open.flatMap((payment) => {
    const chain = deps.chains.get(payment.chain);
    const to = cashierOf(chain)?.address.toLowerCase();
    return to ? [{ payment, chain, to }] : [];
  });
  if (ways.length === 0) return found;
  const rows = await deps.db
    .select({
      chainId: chainTransfers.chainId,
      txHash: chainTransfers.txHash,
      blockNumber: chainTransfers.blockNumber,
      from: chainTransfers.from,
      amount: chainTransfers.amount,
      headBlock: chainHeads.blockNumber,
    })
    .from(chainTransfers)
    .innerJoin(chainHeads, eq(chainHeads.chainId, chainTransfers.chainId))
    .where(
      and(
        or(...ways.map(({ payment, to }) => waitsFor(payment, to))),
        sql`NOT EXISTS (SELECT FROM ${incomingTransfers} known WHERE known.chain = ${chainTransfers.chainId}
          AND known.tx_hash = ${chainTransfers.txHash} AND known.log_index = ${chainTransfers.logIndex})`,
      ),
    );
  for (const transfer of rows) {
    const way = ways.find(
      ({ payment }) => payment.chain === transfer.chainId && payment.transferAmount === transfer.amount,
    );
    if (way) found.set(way.payment.id, viewArriving(way.chain, transfer));
  }
  return found;
}

const waitsFor = (payment: Payment, to: string) =>
  and(
    eq(chainTransfers.chainId, payment.chain),
    eq(chainTransfers.to, to),
    eq(chainTransfers.amount, payment.transferAmount!),
    gt(chainTransfers.blockNumber, payment.quotedBlock),
  );

function viewArriving(
  chain: Chain,
  transfer: { txHash: string; from: string; amount: bigint; blockNumber: bigint; headBlock: bigint },
): Received {
  const confirmations = confirmationsAt(transfer.headBlock, transfer.blockNumber);
  return {
    txHash: transfer.txHash,
    explorer: transactionPage(chain, transfer.txHash),
    from: transfer.from,
    amount: usdt(transfer.amount),
    outcome: "arriving",
    confirmations,
    payee: null,
    credited: usdt(0n),
    waiting: usdt(0n),
    creditTxHash: null,
    reason: arriving(Math.min(confirmations, chain.confirmations), chain.confirmations),
  };
}

import { and, desc, eq, inArray, like } from "drizzle-orm";
import type { Chain } from "../../../chain/chains.ts";
import { transactionPage } from "../../../chain/explorer.ts";
import { notFound } from "../../../core/errors.ts";
import { usdt } from "../../../core/money.ts";
import type { Executor } from "../../../db/client.ts";
import type { Deps } from "../../../deps.ts";
import { isAdmin } from "../../admin/service.ts";
import { user } from "../../auth/schema.ts";
import { wallets } from "../../wallets/schema.ts";
import { paidAlready } from "../errors.ts";
import { lockMatching } from "../matching.ts";
import { payments } from "../schema.ts";
import { creditCall, isBought } from "./decide.ts";
import * as errors from "./held-errors.ts";
import { placeOrder } from "./orders.ts";
import type { Code } from "./reasons.ts";
import { decidedTransfers } from "./received.ts";
import { incomingTransfers, type Outcome, transferAssignments } from "./schema.ts";
import { cashierOf, takesTransfers } from "./wallet.ts";

type Transfer = typeof incomingTransfers.$inferSelect;

/** To whom a held transfer is given: to a linked wallet as credit, or to a quote. */
export type Target = { wallet: string } | { paymentId: string };

/** Lists and answers end here. */
const SHOWN = 200;

/**
 * The transfers that wait for their owner, the oldest first, and what admins did with such ones, the newest first.
 * Only of chains whose admin the user is.
 */
export async function heldTransfers(deps: Deps, userId: string) {
  const chains = await adminChains(deps, userId);
  const held = await deps.db
    .select()
    .from(incomingTransfers)
    .where(and(inArray(incomingTransfers.chain, chains), eq(incomingTransfers.outcome, "held")))
    .orderBy(incomingTransfers.receivedAt, incomingTransfers.id)
    .limit(SHOWN);
  const assigned = await deps.db
    .select({ transfer: incomingTransfers, assignment: transferAssignments, name: user.name })
    .from(transferAssignments)
    .innerJoin(incomingTransfers, eq(incomingTransfers.id, transferAssignments.transferId))
    .leftJoin(user, eq(user.id, transferAssignments.assignedBy))
    .where(inArray(incomingTransfers.chain, chains))
    .orderBy(desc(transferAssignments.assignedAt), desc(transferAssignments.id))
    .limit(SHOWN);
  const ids = assigned.map(({ transfer }) => transfer.id);
  const became = new Map(
    (await decidedTransfers(deps, inArray(incomingTransfers.id, ids))).map(({ id, view }) => [id, view]),
  );
  return {
    held: held.map((transfer) => ({ ...placeOf(deps, transfer), code: transfer.code })),
    assigned: assigned.map(({ transfer, assignment, name }) => ({
      ...placeOf(deps, transfer),
      payee: assignment.payee,
      paymentId: assignment.paymentId,
      note: assignment.note,
      by: { id: assignment.assignedBy, name },
      at: assignment.assignedAt.toISOString(),
      outcome: transfer.outcome,
      reason: became.get(transfer.id)?.reason ?? null,
    })),
  };
}

function placeOf(deps: Deps, { id, chain, txHash, sender, amount, receivedAt }: Transfer) {
  return {
    id,
    chain,
    txHash,
    explorer: transactionPage(deps.chains.get(chain), txHash),
    from: sender,
    amount: usdt(amount),
    receivedAt: receivedAt.toISOString(),
  };
}

async function adminChains(deps: Deps, userId: string): Promise<string[]> {
  const chains = deps.chains.all.map(({ chain }) => chain);
  const mine = await Promise.all(chains.map((chain) => isAdmin(deps, userId, chain)));
  return chains.filter((_, at) => mine[at]);
}

/**
 * Gives a held transfer to whom it is from, as an admin found out: it becomes credit of a linked wallet, or buys what was
 * quoted; what it is over the price, or all of it when it is less, becomes credit of the quote's wallet. Who gave it, to
 * whom, when and why is kept, and the cashier is told, in one transaction; asked again for the same it changes nothing.
 * @param note how the admin knows
 * @throws AppError `not_found` (404), `transfer_not_held`, `wallet_unknown`, `already_paid`, `no_cashier` (409)
 */
export async function assignTransfer(
  deps: Deps,
  userId: string,
  id: string,
  target: Target,
  note: string,
): Promise<void> {
  await deps.db.transaction(async (tx) => {
    await lockMatching(tx);
    const [transfer] = await tx
      .select()
      .from(incomingTransfers)
      .where(eq(incomingTransfers.id, id))
      .for("update");
    if (!transfer || !(await isAdmin(deps, userId, transfer.chain))) throw notFound("The transfer");
    if (transfer.outcome !== "held") {
      if (await wasGivenTo(tx, id, target)) return;
      throw errors.notHeld();
    }
    const chain = deps.chains.get(transfer.chain);
    const cashier = cashierOf(chain)?.address.toLowerCase();
    if (!cashier) throw errors.noCashier(chain.name);
    const { outcome, code, payee, payment } =
      "wallet" in target
        ? await toWallet(tx, chain, target.wallet)
        : await toQuote(tx, transfer, target.paymentId);
    const paymentId = payment?.id ?? null;
    await tx
      .update(incomingTransfers)
      .set({ outcome, code, payee, paymentId, decidedAt: new Date() })
      .where(eq(incomingTransfers.id, id));
    await tx
      .insert(transferAssignments)
      .values({ transferId: id, assignedBy: userId, paymentId, payee, note });
    const order = { chain: chain.chain, signer: cashier, transferId: id };
    const { amount } = transfer;
    await placeOrder(
      tx,
      outcome === "purchase" && payment
        ? { ...order, kind: "purchase", amount: payment.amount, call: payment.call }
        : { ...order, kind: "credit", amount, call: creditCall(chain, payee, amount) },
    );
  });
}

/** Whether the last who gave a transfer away gave it to the same. */
async function wasGivenTo(tx: Executor, transferId: string, target: Target): Promise<boolean> {
  const [last] = await tx
    .select()
    .from(transferAssignments)
    .where(eq(transferAssignments.transferId, transferId))
    .orderBy(desc(transferAssignments.assignedAt), desc(transferAssignments.id))
    .limit(1);
  if (!last) return false;
  return "wallet" in target
    ? last.paymentId === null && last.payee === target.wallet
    : last.paymentId === target.paymentId;
}

interface Given {
  outcome: Outcome;
  code: Code;
  payee: string;
  payment?: typeof payments.$inferSelect;
}

/** A wallet of the other kind does not do: an EVM chain's contract wallet is nobody's on Tron. */
async function toWallet(tx: Executor, { namespace }: Chain, wallet: string): Promise<Given> {
  const [linked] = await tx
    .select({ id: wallets.id })
    .from(wallets)
    .where(and(eq(wallets.address, wallet), like(wallets.chain, `${namespace}:%`)))
    .limit(1);
  if (!linked) throw errors.walletUnknown();
  return { outcome: "credit", code: "assigned", payee: wallet };
}

/** A quote that ended counts: the admin knows that the transfer is for it, and the contract whether it still can be. */
async function toQuote(tx: Executor, transfer: Transfer, paymentId: string): Promise<Given> {
  const [payment] = await tx.select().from(payments).where(eq(payments.id, paymentId)).for("update");
  if (!payment || payment.chain !== transfer.chain || !takesTransfers(payment)) throw notFound("The quote");
  if (payment.logIndex !== null || (await isBought(tx, payment.id))) throw paidAlready();
  const short = transfer.amount < payment.amount;
  return {
    outcome: short ? "credit" : "purchase",
    code: short ? "short" : "assigned",
    payee: payment.wallet,
    payment,
  };
}

import { and, asc, eq, gt, isNull, lt, ne, type SQL, sql } from "drizzle-orm";
import { aiforgeCall, type Call } from "../../../chain/calls.ts";
import type { Chain } from "../../../chain/chains.ts";
import { chainHeads, chainTransfers } from "../../../chain/schema.ts";
import type { Executor } from "../../../db/client.ts";
import { wallets } from "../../wallets/schema.ts";
import { lockMatching } from "../matching.ts";
import { payments } from "../schema.ts";
import type { Code } from "./reasons.ts";
import { TAILS } from "./reservations.ts";
import { cashierOrders, incomingTransfers, type Outcome, transferReservations } from "./schema.ts";

type Payment = typeof payments.$inferSelect;

/** A confirmed transfer to the cashier; addresses lower-case, amount in micro-USDT. */
export interface Transfer {
  txHash: string;
  logIndex: number;
  blockNumber: bigint;
  blockTimestamp: bigint;
  from: string;
  to: string;
  amount: bigint;
}

interface Decision {
  outcome: Outcome;
  code: Code;
  payment?: Payment;
  payee?: string;
}

/** An exchange's fee is not more than this. Micro-USDT. */
const LARGEST_FEE = 20_000_000n;
/** Less than this, from nobody's quote, is not worth the gas of crediting it. Micro-USDT. */
const DUST = 10_000n;
const AT_ONCE = 100;

/** Transfers to the cashier that are confirmed and not decided yet, in the order of the chain. */
export function undecidedTransfers(db: Executor, chain: Chain, cashier: string): Promise<Transfer[]> {
  return db
    .select({
      txHash: chainTransfers.txHash,
      logIndex: chainTransfers.logIndex,
      blockNumber: chainTransfers.blockNumber,
      blockTimestamp: chainTransfers.blockTimestamp,
      from: chainTransfers.from,
      to: chainTransfers.to,
      amount: chainTransfers.amount,
    })
    .from(chainTransfers)
    .innerJoin(chainHeads, eq(chainHeads.chainId, chainTransfers.chainId))
    .where(
      and(
        eq(chainTransfers.chainId, chain.chain),
        eq(chainTransfers.to, cashier),
        ne(chainTransfers.from, cashier),
        // Anyone can make a transfer of nothing look as if it came from anyone.
        gt(chainTransfers.amount, 0n),
        sql`${chainTransfers.blockNumber} <= ${chainHeads.blockNumber} - ${chain.confirmations - 1}`,
        // However old it is: the mirror puts back what it missed.
        sql`NOT EXISTS (SELECT FROM ${incomingTransfers} known WHERE known.chain = ${chainTransfers.chainId}
          AND known.tx_hash = ${chainTransfers.txHash} AND known.log_index = ${chainTransfers.logIndex})`,
      ),
    )
    .orderBy(asc(chainTransfers.blockNumber), asc(chainTransfers.logIndex))
    .limit(AT_ONCE);
}

/**
 * Decides what becomes of a transfer, once: the row and what it orders the cashier to do are written together. Call it
 * in a transaction of its own.
 */
export async function decideTransfer(tx: Executor, chain: Chain, transfer: Transfer): Promise<void> {
  await lockMatching(tx);
  if (await decidedElsewhere(tx, chain, transfer)) return;
  const { outcome, code, payment, payee } = await decide(tx, chain, transfer);
  const [row] = await tx
    .insert(incomingTransfers)
    .values({
      chain: chain.chain,
      txHash: transfer.txHash,
      logIndex: transfer.logIndex,
      sender: transfer.from,
      amount: transfer.amount,
      receivedAt: timeOf(transfer),
      paymentId: payment?.id,
      outcome,
      code,
      payee,
    })
    .onConflictDoNothing()
    .returning({ id: incomingTransfers.id });
  if (!row) return;
  if (outcome === "purchase" && payment) {
    await tx.insert(cashierOrders).values({
      chain: chain.chain,
      signer: transfer.to,
      transferId: row.id,
      kind: "purchase",
      amount: payment.amount,
      call: payment.call,
    });
  } else if (outcome === "credit" && payee) {
    await orderCredit(tx, chain, transfer.to, { id: row.id, payee, amount: transfer.amount, kind: "credit" });
  }
}

/**
 * Whether this very transfer was decided already, and the chain has put it elsewhere since: a deep reorg gives its log
 * another index. Its row moves along.
 */
async function decidedElsewhere(tx: Executor, chain: Chain, transfer: Transfer): Promise<boolean> {
  const [known] = await tx
    .select({ id: incomingTransfers.id })
    .from(incomingTransfers)
    .where(
      and(
        eq(incomingTransfers.chain, chain.chain),
        eq(incomingTransfers.txHash, transfer.txHash),
        eq(incomingTransfers.sender, transfer.from),
        eq(incomingTransfers.amount, transfer.amount),
        sql`NOT EXISTS (SELECT FROM ${chainTransfers} t WHERE t.chain_id = ${incomingTransfers.chain}
          AND t.tx_hash = ${incomingTransfers.txHash} AND t.log_index = ${incomingTransfers.logIndex})`,
      ),
    )
    .limit(1);
  if (!known) return false;
  await tx
    .update(incomingTransfers)
    .set({ logIndex: transfer.logIndex })
    .where(eq(incomingTransfers.id, known.id));
  return true;
}

/**
 * Has the cashier pay `amount` micro-USDT of a transfer into somebody's credit, too little of it together with more;
 * ordered again it changes nothing.
 */
export async function orderCredit(
  tx: Executor,
  chain: Chain,
  signer: string,
  { id, payee, amount, kind }: { id: string; payee: string; amount: bigint; kind: "credit" | "surplus" },
): Promise<void> {
  await tx
    .insert(cashierOrders)
    .values({
      chain: chain.chain,
      signer,
      transferId: id,
      kind,
      amount,
      call: creditCall(chain, payee, amount),
      state: amount < chain.leastCredit ? "waiting" : "pending",
    })
    .onConflictDoNothing();
}

/** What pays `amount` micro-USDT into somebody's credit. */
export const creditCall = (chain: Chain, payee: string, amount: bigint): Call =>
  aiforgeCall(chain, "deposit", [payee as `0x${string}`, amount]);

/** Orders credit for what waited for its owner, whose wallet somebody has linked by now. Call it in a transaction. */
export async function releaseHeld(tx: Executor, chain: Chain, cashier: string): Promise<void> {
  const linked = await tx
    .select({ id: incomingTransfers.id, sender: incomingTransfers.sender, amount: incomingTransfers.amount })
    .from(incomingTransfers)
    .where(
      and(
        eq(incomingTransfers.chain, chain.chain),
        eq(incomingTransfers.outcome, "held"),
        eq(incomingTransfers.code, "unmatched"),
        sql`EXISTS (SELECT FROM ${wallets} w WHERE w.address = ${incomingTransfers.sender})`,
      ),
    )
    .limit(AT_ONCE)
    .for("update");
  for (const { id, sender, amount } of linked) {
    await tx
      .update(incomingTransfers)
      .set({ outcome: "credit", payee: sender })
      .where(eq(incomingTransfers.id, id));
    await orderCredit(tx, chain, cashier, { id, payee: sender, amount, kind: "credit" });
  }
}

const timeOf = ({ blockTimestamp }: Transfer) => new Date(Number(blockTimestamp) * 1000);

/**
 * Only amounts tell what a transfer is for: whoever sends from an exchange sends from a wallet that is not theirs. The
 * sender merely rules out that a linked wallet's money, of an amount that nobody was quoted, goes to somebody else.
 */
async function decide(tx: Executor, chain: Chain, transfer: Transfer): Promise<Decision> {
  const [reserved] = await reservedFor(
    tx,
    chain,
    transfer,
    sql`r.amount = ${transfer.amount.toString()}::numeric`,
  );
  if (reserved && reserved.quotedBlock < transfer.blockNumber)
    return forQuote(tx, reserved, transfer, "exact");
  // Whichever chain it is linked for: the same 20 bytes are the same key on EVM chains and on Tron, and nobody can send
  // from them without it. The credit goes to those 20 bytes, where the money came from.
  const owners = await tx
    .select({ userId: wallets.userId })
    .from(wallets)
    .where(eq(wallets.address, transfer.from));
  const near = await nearQuote(tx, chain, transfer);
  if (near && (owners.length === 0 || owners.some(({ userId }) => userId === near.userId)))
    return forQuote(tx, near, transfer, "near");
  if (transfer.amount < DUST) return { outcome: "held", code: "dust" };
  if (owners.length > 0) return { outcome: "credit", code: "unmatched", payee: transfer.from };
  return { outcome: "held", code: "unmatched" };
}

/** A transfer that is for a quote: what it does depends on when it came, how much it is, and whether it still can. */
async function forQuote(
  tx: Executor,
  payment: Payment,
  transfer: Transfer,
  how: "exact" | "near",
): Promise<Decision> {
  const credit = (code: Code): Decision => ({ outcome: "credit", code, payment, payee: payment.wallet });
  if (payment.logIndex !== null || (await isBought(tx, payment.id))) return credit("already_used");
  if (timeOf(transfer) > payment.expiresAt) return credit("late");
  if (transfer.amount < payment.amount) return credit("short");
  return { outcome: "purchase", code: how, payment, payee: payment.wallet };
}

/**
 * The one quote whose amount ends like the transfer's and is near it: exchanges take their fee off in whole cents. None
 * when several do, or when the transfer is of whole cents. Quotes that ended count: what was sent for one of them must
 * not be for whoever opened another that ends alike.
 */
async function nearQuote(tx: Executor, chain: Chain, transfer: Transfer): Promise<Payment | null> {
  const { amount } = transfer;
  if (amount % TAILS === 0n || amount < DUST) return null;
  const within = sql`mod(r.amount, ${TAILS.toString()}::numeric) = ${(amount % TAILS).toString()}::numeric
    AND abs(r.amount - ${amount.toString()}::numeric) <= ${LARGEST_FEE.toString()}::numeric`;
  const payable = and(isNull(payments.logIndex), lt(payments.quotedBlock, transfer.blockNumber));
  const found = await reservedFor(tx, chain, transfer, within, payable);
  return found.length === 1 ? found[0]! : null;
}

function reservedFor(
  tx: Executor,
  chain: Chain,
  transfer: Transfer,
  amount: SQL,
  also?: SQL,
): Promise<Payment[]> {
  const reserved = sql`${payments.id} IN (SELECT r.payment_id FROM ${transferReservations} r
    WHERE r.chain = ${chain.chain} AND r.recipient = ${transfer.to} AND ${amount})`;
  return lockPayments(tx, and(reserved, also));
}

/** The first two quotes of these, held until the transaction ends: nothing else is decided about them meanwhile. */
function lockPayments(tx: Executor, where: SQL | undefined): Promise<Payment[]> {
  return tx
    .select()
    .from(payments)
    .where(where)
    .orderBy(payments.createdAt, payments.id)
    .limit(2)
    .for("update");
}

export async function isBought(tx: Executor, paymentId: string): Promise<boolean> {
  const [row] = await tx
    .select({ id: incomingTransfers.id })
    .from(incomingTransfers)
    .where(and(eq(incomingTransfers.paymentId, paymentId), eq(incomingTransfers.outcome, "purchase")));
  return row !== undefined;
}

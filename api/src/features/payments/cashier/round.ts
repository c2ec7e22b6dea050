import { and, eq, inArray, isNotNull, or, sum } from "drizzle-orm";
import type { PrivateKeyAccount } from "viem/accounts";
import { usdtCall } from "../../../chain/calls.ts";
import type { Chain } from "../../../chain/chains.ts";
import type { Look } from "../../../chain/sender/sender.ts";
import { usdt } from "../../../core/money.ts";
import type { Deps } from "../../../deps.ts";
import { payments } from "../schema.ts";
import { decideTransfer, releaseHeld, undecidedTransfers } from "./decide.ts";
import { gatherCredits, payeesToGather } from "./gather.ts";
import {
  finish,
  freeNonce,
  keepSigned,
  type Order,
  ordersIn,
  putOff,
  refuse,
  reopenLost,
  type Signed,
  startOver,
  transactionsOf,
} from "./orders.ts";
import { cashierOrders, incomingTransfers } from "./schema.ts";
import { cashierAllowance, EVERYTHING, isAway, isFinal, paidIn, tryOut } from "./transact.ts";

/** The deeds between which the process may end at any time; tests end it at each. */
export type Step = "started" | "decided" | "tried" | "signed" | "sent" | "mined" | "settled" | "finished";

export interface RoundOptions {
  /** Called after each deed. */
  at?: (step: Step) => void | Promise<void>;
  /** How long a transaction may wait to be mined until it pays more, in milliseconds. */
  patienceMs?: number;
}

/**
 * How much deeper than settled the use of a nonce lies before its order starts over: a node that lags behind the one
 * which counted the nonces has no receipt yet, and what starts over too early is paid twice.
 */
const LOST_BLOCKS = 32n;
/** Sent and not settled at one time. A few, so that one that is stuck does not have many behind it. */
const IN_FLIGHT = 16;
const PATIENCE_MS = 90_000;

interface Round extends Required<RoundOptions> {
  deps: Deps;
  chain: Chain;
  account: PrivateKeyAccount;
  /** Its address, lower-case. */
  cashier: string;
}

/**
 * One round of the cashier's work on a chain: decide what arrived, settle what was sent, send what is to be done. Every
 * transfer is decided once, every order carried out once, wherever an earlier round ended. The caller sees to it that no
 * other round runs; should one all the same, the database lets only one of them take each step.
 * @throws viem's and the database's errors; the next round goes on
 */
export async function cashierRound(
  deps: Deps,
  chain: Chain,
  account: PrivateKeyAccount,
  { at = () => undefined, patienceMs = PATIENCE_MS }: RoundOptions = {},
): Promise<void> {
  const round = { deps, chain, account, cashier: account.address.toLowerCase(), at, patienceMs };
  await at("started");
  await decideAll(round);
  await reopenAll(round);
  await settleAll(round);
  await gatherAll(round);
  await sendAll(round);
  await at("finished");
}

async function decideAll({ deps, chain, cashier, at }: Round): Promise<void> {
  for (const transfer of await undecidedTransfers(deps.db, chain, cashier)) {
    await deps.db.transaction((tx) => decideTransfer(tx, chain, transfer));
    await at("decided");
  }
  await deps.db.transaction((tx) => releaseHeld(tx, chain, cashier));
}

/** After a reorg that went deeper than what is settled: what the chain took back is sent again, the same transactions. */
async function reopenAll({ deps, chain, account, cashier }: Round): Promise<void> {
  const next = await chain.sender.emptyFrom(account.address);
  if (next === null) return;
  const lost = await deps.db.transaction((tx) => reopenLost(tx, chain, cashier, next));
  for (const { seq, nonce } of lost) {
    const order = { chain: chain.chain, order: String(seq), nonce };
    deps.log.warn(order, "The chain took a settled transaction of the cashier's back; it is sent again.");
  }
}

async function settleAll(round: Round): Promise<void> {
  const { chain, account } = round;
  const look = chain.sender.look(account.address, { deep: LOST_BLOCKS });
  for (const order of await ordersIn(round.deps.db, chain, "signed", IN_FLIGHT)) {
    await settle(round, look, order);
  }
}

/** Sees what became of a transaction that was sent, or sends it again. */
async function settle(round: Round, look: Look, order: Order): Promise<void> {
  const { deps, chain, account, at } = round;
  const signed = await transactionsOf(deps.db, order);
  const sent = signed.map(({ hash, raw }) => ({ txHash: hash, rawTx: raw }));
  const now = await look.at(order.nonce, sent).catch((error: unknown) => {
    if (isAway(error)) throw error;
    // The others do not wait for one that the node cannot tell of.
    const unknown = { err: error, chain: chain.chain, order: String(order.seq) };
    deps.log.warn(unknown, "What became of a transaction of the cashier's is not known; looking again.");
    return null;
  });
  if (!now) return;
  if (now.is === "mined") {
    await at("mined");
    if (!now.settled) return;
    const paid = now.status === "success" ? paidIn(chain, await now.receipt()) : 0n;
    await deps.db.transaction(async (tx) => {
      if (now.status === "success") {
        const { txHash } = now;
        const over = await finish(tx, chain, order, { txHash, paid });
        if (over > 0n)
          deps.log.error({ txHash, over: usdt(over) }, "The cashier paid more than it was sent.");
        return;
      }
      // What was refused before a reorg stays so: it is credit already.
      const refusal = order.refusal ?? (await tryOut(chain, account.address, order));
      if (refusal !== null && (order.refusal || isFinal(refusal))) await refuse(tx, chain, order, refusal);
      else await startOver(tx, order);
    });
    await at("settled");
    return;
  }
  if (now.is === "lost") {
    const { seq, nonce, refusal } = order;
    const lost = { chain: chain.chain, order: String(seq), nonce };
    deps.log.error(lost, "A transaction of the cashier's can never be mined any more.");
    await deps.db.transaction((tx) => (refusal ? refuse(tx, chain, order, refusal) : startOver(tx, order)));
    return;
  }
  await resend(round, order, signed);
}

/** Sends the newest transaction of an order again; one that waited long is replaced by one that pays more. */
async function resend(round: Round, order: Order, signed: Signed[]): Promise<void> {
  const { deps, chain, patienceMs } = round;
  const newest = signed[0];
  if (!newest) return;
  if (chain.sender.replaceable && Date.now() - newest.createdAt.getTime() > patienceMs) {
    const dearer = await signOrder(round, order, newest.nonce, newest.raw);
    if (await deps.db.transaction((tx) => keepSigned(tx, order, "signed", dearer))) {
      await send(round, dearer.raw);
      return;
    }
  }
  await send(round, newest.raw);
}

async function signOrder({ chain, account }: Round, { call }: Order, nonce: number, replacing?: string) {
  const { rawTx, txHash } = await chain.sender.sign(account, call, nonce, replacing);
  return { hash: txHash, raw: rawTx, nonce };
}

async function gatherAll({ deps, chain, cashier }: Round): Promise<void> {
  for (const payee of await payeesToGather(deps.db, chain, cashier)) {
    await deps.db.transaction((tx) => gatherCredits(tx, chain, cashier, payee));
  }
}

async function sendAll(round: Round): Promise<void> {
  const { deps, chain, at } = round;
  const allowed = await allow(round);
  const inFlight = (await ordersIn(deps.db, chain, "signed", IN_FLIGHT)).length;
  if (inFlight >= IN_FLIGHT) return;
  for (const order of await ordersIn(deps.db, chain, "pending", IN_FLIGHT - inFlight)) {
    // What waits for an allowance would only fail before it.
    if (!allowed && order.kind !== "approve") return;
    const refusal = await cannot(round, order);
    await at("tried");
    if (refusal === null) await signAndSend(round, order);
    else if (refusal === "already_used" || isFinal(refusal)) {
      await deps.db.transaction((tx) => refuse(tx, chain, order, refusal));
    } else {
      deps.log.warn({ chain: chain.chain, order: String(order.seq), refusal }, "The cashier has to wait.");
      await putOff(deps.db, order);
    }
  }
}

/** Why an order cannot be carried out now; null when it can. */
async function cannot({ deps, chain, account }: Round, order: Order): Promise<string | null> {
  if (order.kind === "purchase" && (await isPaid(deps, order))) return "already_used";
  return tryOut(chain, account.address, order);
}

/** Whether what a purchase is for was paid meanwhile, from the wallet for one. */
async function isPaid({ db }: Deps, order: Order): Promise<boolean> {
  const [row] = await db
    .select({ logIndex: payments.logIndex })
    .from(incomingTransfers)
    .innerJoin(payments, eq(payments.id, incomingTransfers.paymentId))
    .where(eq(incomingTransfers.id, order.transferId!));
  return row !== undefined && row.logIndex !== null;
}

async function signAndSend(round: Round, order: Order): Promise<void> {
  const { deps, chain, account, cashier, at } = round;
  const next = await chain.sender.nextNonce(account.address, "latest");
  const nonce = await freeNonce(deps.db, chain, cashier, next);
  const signed = await signOrder(round, order, nonce);
  const kept = await deps.db.transaction((tx) => keepSigned(tx, order, "pending", signed));
  await at("signed");
  if (!kept) return;
  await send(round, signed.raw);
  await at("sent");
}

/** Sends what is stored already. A node that refuses it has it, or takes it in a later round. */
async function send({ deps, chain }: Round, raw: string): Promise<void> {
  try {
    await chain.sender.send(raw);
  } catch (error) {
    deps.log.debug({ err: error, chain: chain.chain }, "A transaction of the cashier's was not taken now.");
  }
}

const isCarried = and(eq(cashierOrders.state, "waiting"), isNotNull(cashierOrders.carrierSeq));

/**
 * Orders the allowance that the contract needs to take what the cashier is to pay.
 * @returns whether it has it
 */
async function allow({ deps, chain, account, cashier }: Round): Promise<boolean> {
  const open = await deps.db
    .select({ kind: cashierOrders.kind, amount: sum(cashierOrders.amount).mapWith(BigInt) })
    .from(cashierOrders)
    .where(
      and(
        eq(cashierOrders.chain, chain.chain),
        or(inArray(cashierOrders.state, ["pending", "signed"]), isCarried),
      ),
    )
    .groupBy(cashierOrders.kind);
  const paying = open.filter(({ kind }) => kind !== "approve");
  if (paying.length === 0) return true;
  const needed = paying.reduce((total, { amount }) => total + amount, 0n);
  const allowed = await cashierAllowance(chain, account.address);
  if (allowed >= needed) return true;
  if (paying.length < open.length) return false;
  // USDT lets an allowance change only from or to zero.
  const amount = allowed === 0n ? EVERYTHING : 0n;
  const call = usdtCall(chain, "approve", [chain.aiforge, amount]);
  const order = { chain: chain.chain, signer: cashier, kind: "approve", amount, call } as const;
  await deps.db.insert(cashierOrders).values(order).onConflictDoNothing();
  return false;
}

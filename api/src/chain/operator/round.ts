import type { Hex } from "viem";
import type { PrivateKeyAccount } from "viem/accounts";
import type { Deps } from "../../deps.ts";
import type { Call } from "../calls.ts";
import type { Chain } from "../chains.ts";
import { revertOf } from "../revert.ts";
import type { SignedTransaction } from "../sender/sender.ts";
import { moveCall, type OperatorCall, pendingCalls, postpone, sentCalls, UNSIGNED } from "./outbox.ts";

/** The deeds between which the process may end at any time; tests end it at each. */
export const OPERATOR_STEPS = ["started", "tried", "signed", "kept", "sent", "mined", "settled"] as const;
export type OperatorStep = (typeof OPERATOR_STEPS)[number];

/**
 * What a row of the outbox is on the chain, made when it is sent.
 * @returns the call, or null when nothing is to be done any more
 */
export type Encode = (
  deps: Deps,
  chain: Chain,
  account: PrivateKeyAccount,
  row: OperatorCall,
) => Promise<Call | null>;

export interface OperatorRoundOptions {
  encode: Encode;
  /** Called after each deed. */
  at?: (step: OperatorStep) => void | Promise<void>;
  /** How long a transaction may wait to be mined until it pays more, in milliseconds. */
  patienceMs?: number;
}

/** Sent and not settled at one time. */
const IN_FLIGHT = 64;
const PATIENCE_MS = 90_000;

/**
 * Refusals that no waiting mends. Every call of the outbox takes effect at most once in the contract, so a job that is
 * not in the state it needs was settled otherwise: by an earlier try, by its client, or by anyone after its time.
 */
const FINAL: ReadonlySet<string> = new Set(["JobNotIn", "WrongSubmission", "NotParty", "InvalidAddress"]);

/**
 * One round of the operator's work on a chain: see what became of what was sent, send what is due. The caller sees to it
 * that no other round runs.
 * @throws viem's and the database's errors; the next round goes on
 */
export async function operatorRound(
  deps: Deps,
  chain: Chain,
  account: PrivateKeyAccount,
  { encode, at = () => undefined, patienceMs = PATIENCE_MS }: OperatorRoundOptions,
): Promise<void> {
  await at("started");
  const sent = await sentCalls(deps.db, chain.chain);
  const { sender } = chain;
  const look = sender.look(account.address);
  let open = 0;
  for (const call of sent) {
    if (await settle(call)) continue;
    open += 1;
  }
  for (const call of await pendingCalls(deps.db, chain.chain, Math.max(0, IN_FLIGHT - open))) {
    await begin(call);
  }

  /** @returns whether the call is in flight no more */
  async function settle(call: OperatorCall): Promise<boolean> {
    const { txHash, rawTx } = call;
    const signed = txHash === null || rawTx === null ? [] : [{ txHash, rawTx }];
    const now = await look.at(call.nonce, signed);
    if (now.is === "mined") {
      await at("mined");
      if (now.status !== "success") {
        // Refused after all: the next try says why.
        await moveCall(deps.db, call, { ...UNSIGNED, error: `The transaction ${txHash} reverted.` });
        return true;
      }
      if (!now.settled) return false;
      await moveCall(deps.db, call, { state: "confirmed", blockNumber: now.blockNumber, error: null });
      await at("settled");
      return true;
    }
    if (now.is === "lost") {
      // It expired, or something else used the nonce, or a dearer copy that was not kept: the contract tells which at
      // the next try.
      await moveCall(deps.db, call, UNSIGNED);
      return true;
    }
    await again(call);
    return false;
  }

  async function again(call: OperatorCall): Promise<void> {
    if (call.nonce === null || call.rawTx === null || call.txHash === null) return;
    const waited = call.signedAt ? Date.now() - call.signedAt.getTime() : 0;
    if (!sender.replaceable || waited <= patienceMs || !(await sender.knows(call.txHash))) {
      await send(call.rawTx);
      return;
    }
    const encoded = await encode(deps, chain, account, call);
    if (!encoded) return;
    const signed = await sender.sign(account, encoded, call.nonce, call.rawTx);
    if (await moveCall(deps.db, call, { ...signed, signedAt: new Date() })) await send(signed.rawTx);
  }

  async function begin(call: OperatorCall): Promise<void> {
    const encoded = await encode(deps, chain, account, call);
    if (!encoded) {
      await moveCall(deps.db, call, { state: "failed", error: "There was nothing to do any more." });
      return;
    }
    const revert = await revertOf(chain.patient, {
      from: account.address,
      to: encoded.to as Hex,
      data: encoded.data as Hex,
    });
    await at("tried");
    if (revert) {
      const name = revert.name ?? "unknown";
      if (FINAL.has(name)) await moveCall(deps.db, call, { state: "failed", error: name });
      else await postpone(deps.db, call, name);
      return;
    }
    const signed = await sender.sign(account, encoded, await freeNonce()).catch((error: unknown) => error);
    if (signed instanceof Error || typeof signed !== "object" || signed === null) {
      // No gas, for one: others may go through meanwhile.
      const why = signed instanceof Error ? signed.message.split("\n", 1)[0]! : "unknown";
      await postpone(deps.db, call, why.slice(0, 300));
      return;
    }
    const transaction = signed as SignedTransaction;
    await at("signed");
    // Kept before it is sent: after a kill it is this transaction that is sent again, not a second one.
    if (
      !(await moveCall(deps.db, call, { state: "sent", ...transaction, signedAt: new Date(), error: null }))
    )
      return;
    await at("kept");
    await send(transaction.rawTx);
    await at("sent");
  }

  /** The first nonce that neither a kept transaction nor one that the node has waiting uses. */
  async function freeNonce(): Promise<number> {
    const waiting = await sender.nextNonce(account.address, "pending");
    const own = new Set((await sentCalls(deps.db, chain.chain)).map(({ nonce }) => nonce));
    let nonce = waiting;
    while (own.has(nonce)) nonce += 1;
    return nonce;
  }

  /** Sends what is kept already. A node that refuses it has it, or takes it in a later round. */
  async function send(rawTx: string): Promise<void> {
    try {
      await sender.send(rawTx);
    } catch (error) {
      deps.log.debug(
        { err: error, chain: chain.chain },
        "A transaction of the operator's was not taken now.",
      );
    }
  }
}

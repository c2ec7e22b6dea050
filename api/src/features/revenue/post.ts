import { aiforgeAbi, monthText } from "@aiforge/contracts";
import { BaseError, ContractFunctionRevertedError, type Hex } from "viem";
import { aiforgeCall } from "../../chain/calls.ts";
import type { Chain } from "../../chain/chains.ts";
import { operatorAccount } from "../../chain/operator/account.ts";
import type { Deps } from "../../deps.ts";
import type { DistributionRow } from "./queries-distribution.ts";
import * as queries from "./queries-distribution.ts";
import type { Outcome, Step } from "./run.ts";

type OnStep = (step: Step) => void | Promise<void>;

/** After so long without being mined a transaction is signed again for more gas, under the same nonce. */
const STUCK_MS = 10 * 60_000;

/**
 * Has the operator post a month's root. The signed transaction is kept before it is sent, so after a kill it is the same
 * one that is sent again, and the contract takes a month's root once.
 */
export async function postRoot(
  deps: Deps,
  chain: Chain,
  row: DistributionRow,
  onStep: OnStep,
): Promise<Outcome> {
  if (await mirrored(deps, row)) {
    // Sent by an attempt that was killed before it noted so.
    await queries.moveDistribution(deps.db, row, "published", { state: "posted", note: null });
    await onStep("posted");
    return "go on";
  }
  let current = row;
  if (!current.rawTx) {
    const signed = await sign(deps, chain, row, null);
    if (!signed) return "wait";
    await onStep("signed");
    if (!(await queries.moveDistribution(deps.db, row, "published", signed))) return "go on";
    current = { ...row, ...signed };
    await onStep("kept");
  }
  await send(deps, chain, current);
  await onStep("sent");
  await queries.moveDistribution(deps.db, current, "published", { state: "posted", note: null });
  await onStep("posted");
  return "go on";
}

/**
 * Sees a posted root through: until it pays, is vetoed, or has to be sent again because its block left the chain.
 */
export async function followPost(
  deps: Deps,
  chain: Chain,
  row: DistributionRow,
  onStep: OnStep,
): Promise<Outcome> {
  const root = await mirrored(deps, row);
  if (!root) return resend(deps, chain, row);
  const head = await queries.headOf(deps.db, chain.chain);
  const settled = head ? head.blockNumber - BigInt(chain.confirmations - 1) : -1n;
  const activeAt = new Date(Number(root.activeAt) * 1000);
  if (root.vetoed) {
    const note = `Vetoed by ${root.vetoedBy}.`;
    await queries.moveDistribution(deps.db, row, "posted", {
      state: "vetoed",
      txHash: root.txHash,
      activeAt,
      note,
    });
    await onStep("settled");
    return "go on";
  }
  const block = settled >= root.blockNumber ? await chain.patient.getBlock({ blockNumber: settled }) : null;
  if (block && block.timestamp >= root.activeAt) {
    await queries.moveDistribution(deps.db, row, "posted", {
      state: "active",
      txHash: root.txHash,
      activeAt,
      note: null,
    });
    await onStep("settled");
    return "go on";
  }
  const note = `Pays from ${activeAt.toISOString()} on, unless an admin vetoes it before.`;
  await queries.moveDistribution(deps.db, row, "posted", { txHash: root.txHash, activeAt, note });
  return "wait";
}

/** The mirrored event of this very row: attempts of a month may compute the same root, each has its own transaction. */
async function mirrored(deps: Deps, row: DistributionRow) {
  const [roots, earlier] = await Promise.all([
    queries.mirroredRoots(deps.db, row.chain, row.month),
    queries.earlierAttempts(deps.db, row),
  ]);
  return roots.find(
    ({ root, cid, txHash }) =>
      root === row.root && cid === row.cid && !earlier.some((attempt) => attempt.txHash === txHash),
  );
}

/** Takes a veto back whose block left the chain. @returns whether it did */
export async function unvetoed(deps: Deps, row: DistributionRow): Promise<boolean> {
  const root = await mirrored(deps, row);
  if (!root || root.vetoed) return false;
  return queries.moveDistribution(deps.db, row, "vetoed", { state: "posted", note: null });
}

/** The root is not in the mirror: it waits to be mined or mirrored, or it is gone and has to be sent again. */
async function resend(deps: Deps, chain: Chain, row: DistributionRow): Promise<Outcome> {
  const { txHash, txNonce, rawTx } = row;
  if (!txHash || txNonce === null || !rawTx) return forget(deps, row, "There was no transaction to follow.");
  const operator = operatorAccount(chain);
  if (!operator) return waitFor(deps, row, "There is no operator key to post the root with.");
  const now = await chain.sender.look(operator.address).at(txNonce, [{ txHash, rawTx }]);
  if (now.is === "mined" && now.status === "success") {
    await note(deps, row, "Mined; the mirror has not seen it yet.");
    return "wait";
  }
  if (now.is === "mined") return forget(deps, row, `The transaction ${txHash} reverted.`);
  if (now.is === "lost") return forget(deps, row, `The transaction ${txHash} can never be mined any more.`);
  const known = await chain.sender.knows(txHash);
  const waited = row.signedAt ? Date.now() - row.signedAt.getTime() : 0;
  if (known && chain.sender.replaceable && waited > STUCK_MS) {
    const signed = await sign(deps, chain, row, { nonce: txNonce, rawTx });
    if (!signed) return "wait";
    if (!(await queries.moveDistribution(deps.db, row, "posted", signed))) return "go on";
    await send(deps, chain, { ...row, ...signed });
  } else if (!known) await send(deps, chain, row);
  await note(deps, row, "Sent, not mined yet.");
  return "wait";
}

/** Back to before the post: it is signed anew. The contract refuses a second root of the month should both arrive. */
async function forget(deps: Deps, row: DistributionRow, why: string): Promise<Outcome> {
  deps.log.warn({ month: monthText(row.month), chain: row.chain }, `The root is posted again. ${why}`);
  await queries.moveDistribution(deps.db, row, "posted", {
    state: "published",
    rawTx: null,
    txHash: null,
    txNonce: null,
    signedAt: null,
    activeAt: null,
    note: why,
  });
  // At the next round: what made it fail may take a moment to pass.
  return "wait";
}

/**
 * Signs the transaction, if the contract would take it now.
 * @param replacing a transaction which this one takes the place of
 * @returns null when it has to wait; the row says for what
 */
async function sign(
  deps: Deps,
  chain: Chain,
  row: DistributionRow,
  replacing: { nonce: number; rawTx: string } | null,
) {
  const operator = operatorAccount(chain);
  if (!operator) {
    await note(deps, row, "There is no operator key to post the root with.");
    return null;
  }
  const args = [row.month, row.root as Hex, row.total, row.cid ?? ""] as const;
  try {
    await chain.patient.simulateContract({
      ...{ abi: aiforgeAbi, functionName: "postRoot", args },
      ...{ address: chain.aiforge, account: operator },
    });
  } catch (error) {
    const refused =
      error instanceof BaseError && error.walk((cause) => cause instanceof ContractFunctionRevertedError);
    if (!(refused instanceof ContractFunctionRevertedError)) throw error;
    await note(deps, row, reasonOf(refused));
    return null;
  }
  const nonce = replacing?.nonce ?? (await chain.sender.nextNonce(operator.address, "pending"));
  const call = aiforgeCall(chain, "postRoot", args);
  const { rawTx, txHash } = await chain.sender.sign(operator, call, nonce, replacing?.rawTx);
  return { rawTx, txHash, txNonce: nonce, signedAt: new Date(), note: null };
}

/** Sends what was signed. That the node has it already, or has moved on, is for the next look to find out. */
async function send(deps: Deps, chain: Chain, row: DistributionRow): Promise<void> {
  try {
    await chain.sender.send(row.rawTx ?? "");
  } catch (error) {
    deps.log.warn({ err: error, txHash: row.txHash }, "The node did not take the root's transaction.");
  }
}

async function waitFor(deps: Deps, row: DistributionRow, why: string): Promise<Outcome> {
  await note(deps, row, why);
  return "wait";
}

async function note(deps: Deps, row: DistributionRow, why: string): Promise<void> {
  if (row.note !== why) await queries.moveDistribution(deps.db, row, row.state, { note: why });
}

/** Why the contract would not take the root now, in words. */
function reasonOf(refused: ContractFunctionRevertedError): string {
  const { errorName, args = [] } = refused.data ?? {};
  if (errorName === "RootPending") {
    const until = new Date(Number(args[0]) * 1000).toISOString();
    return `The root before it waits out its veto window, until ${until}.`;
  }
  if (errorName === "MonthOutOfOrder")
    return "The contract has a root of this month, or a later one, already.";
  if (errorName === "TotalOutOfRange")
    return "The root would pay more than was paid in, or less than was paid out.";
  if (errorName === "AccessControlUnauthorizedAccount")
    return "The operator's wallet does not hold OPERATOR.";
  return `The contract refuses the root: ${errorName ?? refused.shortMessage}.`;
}

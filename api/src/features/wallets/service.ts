import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { issueChallenge, redeemChallenge, type WalletOnChain } from "./challenge.ts";
import { lastWayIn, walletNotLinked, walletTaken } from "./errors.ts";
import * as queries from "./queries.ts";
import type { wallets } from "./schema.ts";

export interface WalletView {
  /** CAIP-10. */
  id: string;
  /** Lower-case. */
  address: `0x${string}`;
  /** CAIP-2. */
  chain: string;
  linkedAt: string;
}

/** CAIP-10 account id, address lower-case. */
export function walletId(chain: string, address: string): string {
  return `${chain}:${address.toLowerCase()}`;
}

export function viewWallet(row: typeof wallets.$inferSelect): WalletView {
  return {
    id: row.id,
    address: row.address as `0x${string}`,
    chain: row.chain,
    linkedAt: row.linkedAt.toISOString(),
  };
}

/** The wallets of a user, the first linked first; addresses lower-case. */
export async function walletsOf(deps: Deps, userId: string): Promise<WalletView[]> {
  return (await queries.walletRows(deps.db, userId)).map(viewWallet);
}

/**
 * One of the user's wallets by its address, in any letter case.
 * @param chain where it is to pay or be paid, CAIP-2: then only a wallet of that kind is one. A key has the same 20 bytes
 *   on EVM chains and on Tron, but a contract wallet of an EVM chain is nobody's on Tron: what it was given is lost.
 * @throws AppError `wallet_not_linked` (403)
 */
export async function requireWallet(
  deps: Deps,
  userId: string,
  address: string,
  chain?: string,
): Promise<WalletView> {
  const wanted = address.toLowerCase();
  const fits = (each: WalletView) => chain === undefined || namespaceOf(each.chain) === namespaceOf(chain);
  const wallet = (await walletsOf(deps, userId)).find((each) => each.address === wanted && fits(each));
  if (!wallet) throw walletNotLinked(wanted);
  return wallet;
}

const namespaceOf = (chain: string) => chain.split(":")[0];

/** The message that links a wallet to the signed-in user once its owner signed it. */
export function connectWallet(deps: Deps, userId: string, wallet: WalletOnChain) {
  return issueChallenge(deps, { purpose: "link", userId, ...wallet });
}

/**
 * Links the wallet that signed; linking one's own again changes nothing.
 * @throws AppError `wallet_taken` (409), and those of `redeemChallenge`
 */
export async function verifyWallet(
  deps: Deps,
  userId: string,
  signed: { message: string; signature: `0x${string}` },
): Promise<WalletView> {
  const { address, chain } = await redeemChallenge(deps, { purpose: "link", userId }, signed);
  const row = await queries.linkWallet(deps.db, { id: walletId(chain, address), userId, chain, address });
  if (row.userId !== userId) throw walletTaken();
  return viewWallet(row);
}

/** @throws AppError `not_found` (404), `last_sign_in_method` (409) */
export async function removeWallet(deps: Deps, userId: string, id: string): Promise<void> {
  await deps.db.transaction(async (tx) => {
    await queries.lockUser(tx, userId);
    if (!(await queries.deleteWallet(tx, userId, id.toLowerCase()))) throw notFound("The wallet");
    const ways = (await queries.walletRows(tx, userId)).length + (await queries.otherWaysIn(tx, userId));
    if (ways === 0) throw lastWayIn();
  });
}

import { randomUUID } from "node:crypto";
import { showAddress } from "../../chain/show.ts";
import type { SessionUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { createPersonalGroup } from "../groups/service.ts";
import { issueChallenge, redeemChallenge, type WalletOnChain } from "../wallets/challenge.ts";
import { linkWallet, walletRow } from "../wallets/queries.ts";
import { type WalletView, walletId, walletsOf } from "../wallets/service.ts";
import { type OpenedSession, sessionUser, WALLET_EMAIL_DOMAIN } from "./auth.ts";
import { emailTaken, wrongCredentials } from "./errors.ts";
import { spend } from "./limits.ts";
import { insertPassword, insertUser, userRow } from "./queries.ts";

export interface UserView extends SessionUser {
  wallets: WalletView[];
}

export interface SignedIn extends OpenedSession {
  user: UserView;
}

export async function viewUser(deps: Deps, user: SessionUser): Promise<UserView> {
  return { ...user, wallets: await walletsOf(deps, user.id) };
}

/**
 * Creates an account with a password and a personal group, and signs in.
 * @throws AppError `email_taken` (409)
 */
export async function register(
  deps: Deps,
  { email, password, name }: { email: string; password: string; name: string },
): Promise<SignedIn> {
  const hash = await deps.auth.hashPassword(password);
  const id = randomUUID();
  await deps.db.transaction(async (tx) => {
    if (!(await insertUser(tx, { id, name, email }))) throw emailTaken();
    await insertPassword(tx, id, hash);
    await createPersonalGroup(tx, { id, name });
  });
  return { user: { id, email, name, wallets: [] }, ...(await deps.auth.open(id)) };
}

/** @throws AppError `wrong_credentials` (401), `too_many_attempts` (429) */
export async function login(deps: Deps, email: string, password: string): Promise<SignedIn> {
  // Counted before the password is tried: a burst of parallel guesses finds no gap.
  await spend(deps.auth.limits.byEmail, email);
  const opened = await deps.auth.openByPassword(email, password);
  if (!opened) throw wrongCredentials();
  await deps.auth.limits.byEmail.delete(email);
  const user = await userRow(deps.db, { email });
  return { user: await viewUser(deps, sessionUser(user)), ...opened };
}

/** The message that signs a wallet in once its owner signed it. */
export function walletAuthMessage(deps: Deps, wallet: WalletOnChain) {
  return issueChallenge(deps, { purpose: "sign-in", userId: null, ...wallet });
}

/**
 * Signs in by a wallet; the first time, the account, its personal group and the link are made together.
 * @throws AppError as `redeemChallenge` does
 */
export async function walletLogin(
  deps: Deps,
  signed: { message: string; signature: `0x${string}` },
): Promise<SignedIn & { created: boolean }> {
  const wallet = await redeemChallenge(deps, { purpose: "sign-in", userId: null }, signed);
  const { userId, created } = await userOfWallet(deps, wallet);
  const user = await userRow(deps.db, { id: userId });
  return { user: await viewUser(deps, sessionUser(user)), created, ...(await deps.auth.open(userId)) };
}

async function userOfWallet(
  deps: Deps,
  { chain, address }: { chain: string; address: `0x${string}` },
): Promise<{ userId: string; created: boolean }> {
  const id = walletId(chain, address);
  const linked = await walletRow(deps.db, id);
  if (linked) return { userId: linked.userId, created: false };
  const userId = randomUUID();
  const shown = showAddress(chain, address);
  const name = `${shown.slice(0, 6)}…${shown.slice(-4)}`;
  const email = `${userId}@${WALLET_EMAIL_DOMAIN}`;
  const lost = Symbol("another request linked the wallet first");
  try {
    await deps.db.transaction(async (tx) => {
      await insertUser(tx, { id: userId, name, email });
      await createPersonalGroup(tx, { id: userId, name });
      const row = await linkWallet(tx, { id, userId, chain, address });
      if (row.userId !== userId) throw lost;
    });
    return { userId, created: true };
  } catch (error) {
    if (error !== lost) throw error;
    return { userId: (await walletRow(deps.db, id))!.userId, created: false };
  }
}

import { timingSafeEqual } from "node:crypto";
import { recoverTronMessage } from "@aiforge/contracts/tron";
import { hashMessage } from "viem";
import { generateSiweNonce } from "viem/siwe";
import type { Chain, Chains } from "../../chain/chains.ts";
import { hasSigned } from "../../chain/signature.ts";
import type { Deps } from "../../deps.ts";
import {
  alteredChallenge,
  expiredChallenge,
  foreignDomain,
  noChain,
  notAChallenge,
  otherChainId,
  unknownNonce,
  wrongSignature,
} from "./errors.ts";
import { messageFor, readMessage } from "./message.ts";
import { forgetChallenges, insertChallenge, takeChallenge } from "./queries.ts";

const STATEMENTS = {
  "sign-in": "Sign in to AIForge. This costs nothing and moves nothing.",
  link: "Link this wallet to your AIForge account. This costs nothing and moves nothing.",
  node: "Register a node of AIForge under this wallet. This costs nothing and moves nothing.",
};

/** A wallet, and the chain whose rules it signs by: named by its CAIP-2 id, or by the number. */
export interface WalletOnChain {
  /** Lower-case. */
  address: `0x${string}`;
  chain?: string | undefined;
  chainId?: number | undefined;
}

export interface ChallengeRequest extends WalletOnChain {
  purpose: keyof typeof STATEMENTS;
  /** Who is signed in; null for a sign-in. */
  userId: string | null;
}

/**
 * Makes a message for a wallet to sign, bound to this site, a purpose, an address and a chain.
 * @throws AppError `unknown_chain`, `invalid_request` when no chain is named, or two
 */
export async function issueChallenge(deps: Deps, request: ChallengeRequest) {
  const { purpose, address, userId } = request;
  const chain = chainOf(deps.chains, request);
  const site = new URL(deps.config.PUBLIC_URL);
  const nonce = generateSiweNonce();
  const issuedAt = new Date();
  const expiresAt = new Date(issuedAt.getTime() + deps.config.CHALLENGE_SECONDS * 1000);
  const statement = STATEMENTS[purpose];
  const message = messageFor(chain, { site, address, nonce, issuedAt, expiresAt, statement });
  await forgetChallenges(deps.db);
  await insertChallenge(deps.db, {
    nonce,
    purpose,
    chain: chain.chain,
    address: address.toLowerCase(),
    userId,
    message,
    expiresAt,
  });
  return { message, nonce, expiresAt: expiresAt.toISOString() };
}

function chainOf(chains: Chains, { chain, chainId }: WalletOnChain): Chain {
  if (chain === undefined) {
    if (chainId === undefined) throw noChain();
    const numbered = chains.all.filter((each) => each.chainId === chainId);
    return (
      numbered.find(({ namespace }) => namespace === "eip155") ??
      numbered[0] ??
      chains.get(`eip155:${chainId}`)
    );
  }
  const found = chains.get(chain);
  if (chainId !== undefined && chainId !== found.chainId) throw otherChainId(chain, chainId);
  return found;
}

/**
 * Checks a signed challenge and uses it up, unless the chain is asked whether it is right and does not tell.
 * @returns the wallet that signed
 * @throws AppError `wallet_message_invalid` (400), `wallet_message_foreign`, `wallet_nonce_unknown`,
 *   `wallet_message_expired`, `wallet_message_altered`, `wallet_signature_invalid` (401), `chain_unavailable` (503)
 */
export async function redeemChallenge(
  deps: Deps,
  expected: { purpose: ChallengeRequest["purpose"]; userId: string | null },
  { message, signature }: { message: string; signature: `0x${string}` },
): Promise<{ address: `0x${string}`; chain: string }> {
  const parsed = readMessage(message);
  if (!parsed) throw notAChallenge();
  if (parsed.domain !== new URL(deps.config.PUBLIC_URL).host) throw foreignDomain(parsed.domain);
  // The nonce is gone before anything else is checked, so that no message is tried twice, here or on another instance;
  // only where the chain did not tell whether its signature is right does it come back.
  const challenge = await takeChallenge(deps.db, parsed.nonce);
  if (!challenge || challenge.purpose !== expected.purpose || challenge.userId !== expected.userId) {
    throw unknownNonce();
  }
  if (challenge.expiresAt.getTime() <= Date.now()) throw expiredChallenge();
  if (!sameText(challenge.message, message)) throw alteredChallenge();
  const address = challenge.address as `0x${string}`;
  const asked = isSignedBy(deps.chains.get(challenge.chain), address, message, signature);
  const valid = await asked.catch(async (error: unknown) => {
    // Nobody knows whether it was wrong, so the same may be sent again.
    await insertChallenge(deps.db, challenge);
    throw error;
  });
  if (!valid) throw wrongSignature();
  return { address, chain: challenge.chain };
}

/** @throws AppError `chain_unavailable` (503) */
async function isSignedBy(
  chain: Chain,
  address: `0x${string}`,
  message: string,
  signature: `0x${string}`,
): Promise<boolean> {
  if (chain.namespace === "tron") {
    const signer = await Promise.resolve(recoverTronMessage(message, signature)).catch(() => null);
    return signer === address;
  }
  return hasSigned(chain, { address, hash: hashMessage(message), signature });
}

function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

import { timingSafeEqual } from "node:crypto";
import { BaseError, getAddress, HttpRequestError } from "viem";
import { createSiweMessage, generateSiweNonce, parseSiweMessage } from "viem/siwe";
import type { Deps } from "../../deps.ts";
import {
  alteredChallenge,
  chainUnavailable,
  expiredChallenge,
  foreignDomain,
  notAChallenge,
  unknownNonce,
  wrongSignature,
} from "./errors.ts";
import { forgetChallenges, insertChallenge, takeChallenge } from "./queries.ts";

const STATEMENTS = {
  "sign-in": "Sign in to AIForge. This costs nothing and moves nothing.",
  link: "Link this wallet to your AIForge account. This costs nothing and moves nothing.",
  node: "Register a node of AIForge under this wallet. This costs nothing and moves nothing.",
};

export interface ChallengeRequest {
  purpose: keyof typeof STATEMENTS;
  address: `0x${string}`;
  chainId: number;
  /** Who is signed in; null for a sign-in. */
  userId: string | null;
}

/**
 * Makes an EIP-4361 message for a wallet to sign, bound to this site, a purpose, an address and a chain.
 * @throws AppError `unknown_chain`
 */
export async function issueChallenge(deps: Deps, { purpose, address, chainId, userId }: ChallengeRequest) {
  const { chain } = deps.chains.get(`eip155:${chainId}`);
  const site = new URL(deps.config.PUBLIC_URL);
  const nonce = generateSiweNonce();
  const issuedAt = new Date();
  const expiresAt = new Date(issuedAt.getTime() + deps.config.CHALLENGE_SECONDS * 1000);
  const message = createSiweMessage({
    scheme: site.protocol.slice(0, -1),
    domain: site.host,
    uri: site.origin,
    address: getAddress(address),
    chainId,
    nonce,
    issuedAt,
    expirationTime: expiresAt,
    statement: STATEMENTS[purpose],
    version: "1",
  });
  await forgetChallenges(deps.db);
  await insertChallenge(deps.db, {
    nonce,
    purpose,
    chain,
    address: address.toLowerCase(),
    userId,
    message,
    expiresAt,
  });
  return { message, nonce, expiresAt: expiresAt.toISOString() };
}

/**
 * Checks a signed challenge and uses it up.
 * @returns the wallet that signed
 * @throws AppError `wallet_message_invalid` (400), `wallet_message_foreign`, `wallet_nonce_unknown`,
 *   `wallet_message_expired`, `wallet_message_altered`, `wallet_signature_invalid` (401)
 */
export async function redeemChallenge(
  deps: Deps,
  expected: { purpose: ChallengeRequest["purpose"]; userId: string | null },
  { message, signature }: { message: string; signature: `0x${string}` },
): Promise<{ address: `0x${string}`; chain: string }> {
  const parsed = parseSiweMessage(message);
  if (!parsed.nonce || !parsed.address) throw notAChallenge();
  if (parsed.domain !== new URL(deps.config.PUBLIC_URL).host) throw foreignDomain(parsed.domain);
  // The nonce is gone before anything else is checked, so that no message can be tried twice, here or on
  // another instance.
  const challenge = await takeChallenge(deps.db, parsed.nonce);
  if (!challenge || challenge.purpose !== expected.purpose || challenge.userId !== expected.userId) {
    throw unknownNonce();
  }
  if (challenge.expiresAt.getTime() <= Date.now()) throw expiredChallenge();
  if (!sameText(challenge.message, message)) throw alteredChallenge();
  const address = challenge.address as `0x${string}`;
  // Key-held wallets are recovered here; contract wallets (ERC-1271, ERC-6492) are asked on their chain.
  const { client } = deps.chains.get(challenge.chain);
  const valid = await client
    .verifyMessage({ address: getAddress(address), message, signature, mode: "eoa" })
    .catch((error: unknown) => {
      const unreachable =
        error instanceof BaseError && error.walk((each) => each instanceof HttpRequestError);
      if (unreachable) throw chainUnavailable(error);
      return false;
    });
  if (!valid) throw wrongSignature();
  return { address, chain: challenge.chain };
}

function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

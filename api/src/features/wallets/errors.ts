import { AppError } from "../../core/errors.ts";

const again = "Ask for a new message and sign that one.";

export const notAChallenge = () =>
  new AppError("wallet_message_invalid", 400, "This is not a sign-in message.", { hint: again });

export const noChain = () =>
  new AppError("invalid_request", 400, "chain: missing, and chainId as well", {
    hint: "Name the chain whose wallet it is, e.g. eip155:1.",
    details: { field: "chain" },
  });

export const otherChainId = (chain: string, chainId: number) =>
  new AppError("invalid_request", 400, `chainId: ${chainId} is not the number of ${chain}`, {
    hint: "Name the chain by one of the two.",
    details: { field: "chainId" },
  });

export const foreignDomain = (domain: string | undefined) =>
  new AppError("wallet_message_foreign", 401, `The message was made for another site: ${domain ?? "none"}.`, {
    hint: "Do not sign messages of other sites here. Ask for a new one on this page.",
  });

/** Used, expired long ago, or never handed out: the three cannot be told apart. */
export const unknownNonce = () =>
  new AppError("wallet_nonce_unknown", 401, "This message was used already or is not ours.", { hint: again });

export const expiredChallenge = () =>
  new AppError("wallet_message_expired", 401, "This message has expired.", { hint: again });

export const alteredChallenge = () =>
  new AppError("wallet_message_altered", 401, "This is not the message that was handed out.", {
    hint: again,
  });

export const wrongSignature = () =>
  new AppError("wallet_signature_invalid", 401, "The signature does not match the wallet of the message.", {
    hint: "Sign with the wallet that the message names.",
  });

export const walletTaken = () =>
  new AppError("wallet_taken", 409, "This wallet is linked to another account.", {
    hint: "Sign in with the wallet to use that account, or unlink it there first.",
  });

export const lastWayIn = () =>
  new AppError("last_sign_in_method", 409, "This wallet is the only way to sign in to your account.", {
    hint: "Link another wallet first.",
  });

export const walletNotLinked = (address: string) =>
  new AppError("wallet_not_linked", 403, `The wallet ${address} is not linked to your account.`, {
    hint: "Connect the wallet to your account first.",
    details: { address },
  });

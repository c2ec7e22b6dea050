import { seal, unseal } from "../../core/seal.ts";
import type { SessionUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { confirmationInvalid, mailFailed, mailOff, nothingToConfirm } from "./errors.ts";
import { limitConfirmations } from "./limits.ts";
import { createMailer } from "./mail.ts";
import * as queries from "./queries.ts";

/** For how long a link that confirms an address is good. */
const GOOD_MS = 24 * 3_600_000;
const PURPOSE = "confirm an e-mail address";

/**
 * Sends the user a link by which they confirm that the mailbox of their address is theirs.
 * @throws AppError `too_many_attempts` (429), `nothing_to_confirm`, `mail_off` (409), `mail_failed` (502)
 */
export async function sendConfirmation(deps: Deps, { id, email }: SessionUser): Promise<void> {
  await limitConfirmations(deps, id);
  if (!email || (await queries.isConfirmed(deps.db, id))) throw nothingToConfirm();
  const mailer = createMailer(deps.config);
  if (!mailer) throw mailOff();
  const until = Date.now() + GOOD_MS;
  const link = new URL("/account", deps.config.PUBLIC_URL);
  // Behind the #, where no server on the way and no other site reads it.
  link.hash = `confirm=${seal(JSON.stringify({ id, email, until }), sealOf(deps))}`;
  try {
    const sent = await mailer.send({
      id: `confirm-${crypto.randomUUID()}`,
      to: email,
      subject: "Confirm your e-mail address",
      text:
        `Somebody, hopefully you, asked AIForge to send notifications to this address.\n\nConfirm it within a day:\n` +
        `${link.href}\n\nIf it was not you, do nothing: no more is sent.\n`,
    });
    if (!sent.ok) throw mailFailed(sent.error);
  } finally {
    mailer.close();
  }
}

/**
 * Confirms the address that a link was sent to; again changes nothing. Whoever has the link has the mailbox, so no
 * sign-in is asked for.
 * @throws AppError `confirmation_invalid` (400) for one that is over, odd, or of an address that the account had before
 */
export async function confirmAddress(deps: Deps, token: string): Promise<{ address: string }> {
  const { id, email, until } = opened(deps, token);
  if (until < Date.now() || !(await queries.confirm(deps.db, id, email))) throw confirmationInvalid();
  return { address: email };
}

const sealOf = ({ config }: Deps) => ({ secret: config.AUTH_SECRET, purpose: PURPOSE, owner: "" });

function opened(deps: Deps, token: string): { id: string; email: string; until: number } {
  try {
    return JSON.parse(unseal(token, sealOf(deps)));
  } catch {
    throw confirmationInvalid();
  }
}

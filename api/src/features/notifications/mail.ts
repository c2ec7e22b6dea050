import { createTransport } from "nodemailer";
import type { Config } from "../../config.ts";

/** Of each step of a conversation with the mail server. */
const STEP_MS = 10_000;

export interface Mail {
  /** The same on every attempt, so that a mailbox can tell a second copy. */
  id: string;
  to: string;
  subject: string;
  text: string;
}

/** How sending ended; `final` when the server will never take it. */
export type MailResult = { ok: true } | { ok: false; error: string; final: boolean };

export interface Mailer {
  send: (mail: Mail) => Promise<MailResult>;
  close: () => void;
}

/** Sends e-mail through SMTP_URL; null without one. Nothing connects before the first mail. */
export function createMailer({ SMTP_URL, MAIL_FROM, PUBLIC_URL }: Config): Mailer | null {
  if (!SMTP_URL) return null;
  const { hostname } = new URL(PUBLIC_URL);
  const from = MAIL_FROM ?? `AIForge <no-reply@${hostname}>`;
  const transport = createTransport(
    {
      url: SMTP_URL,
      connectionTimeout: STEP_MS,
      greetingTimeout: STEP_MS,
      socketTimeout: STEP_MS,
      dnsTimeout: STEP_MS,
      // A text of ours is never a file to read or an address to fetch.
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from },
  );
  return {
    send: async ({ id, to, subject, text }) => {
      try {
        await transport.sendMail({
          to: { name: "", address: to },
          subject,
          text,
          messageId: `<${id}@${hostname}>`,
          headers: { "Auto-Submitted": "auto-generated" },
          list: { unsubscribe: { url: `${PUBLIC_URL}/account`, comment: "Choose what you are told" } },
        });
        return { ok: true };
      } catch (error) {
        return { ok: false, ...refusalOf(error) };
      }
    },
    close: () => transport.close(),
  };
}

/** A 5xx is the server's last word (RFC 5321, 4.2.1); everything else may go better later. */
function refusalOf(error: unknown): { error: string; final: boolean } {
  const code = error instanceof Error && "responseCode" in error ? Number(error.responseCode) : 0;
  if (code >= 400) return { error: `The mail server answered ${code}.`, final: code >= 500 };
  return { error: "The mail server could not be reached.", final: false };
}

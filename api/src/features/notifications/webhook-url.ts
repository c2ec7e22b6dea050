import { isIP } from "node:net";
import { invalid } from "../../core/errors.ts";
import { isLoopback, isPublicAddress } from "./public-address.ts";

const MAX_URL = 2_048;
/** Only where web servers are: with any port, a webhook would be a way to knock at mail servers and databases. */
const PORTS = new Set(["", "8443"]);

/** A webhook's URL that may be called, and whether it is this machine's, which only a demo calls. */
export interface WebhookTarget {
  url: URL;
  local: boolean;
}

const hostOf = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, "");

function isLocalName(url: URL): boolean {
  const host = hostOf(url);
  return host === "localhost" || isLoopback(host);
}

/**
 * Reads a webhook's URL: https to the public internet, on port 443 or 8443.
 * @param demo whether addresses of this machine are allowed too, by http and on any port
 * @throws AppError `invalid_request` (400)
 */
export function readWebhookUrl(text: string, { demo }: { demo: boolean }): WebhookTarget {
  const fail = (message: string, hint?: string) => invalid("url", `url: ${message}`, hint);
  if (text.length > MAX_URL) throw fail(`is longer than ${MAX_URL} characters`);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url) throw fail("is not a URL", "Write one like https://example.com/hooks/aiforge.");
  if (url.protocol !== "https:" && url.protocol !== "http:") throw fail("is not an https address");
  if (url.username || url.password)
    throw fail("has a name or password in it", "Check the signature instead.");
  url.hash = "";
  if (demo && isLocalName(url)) return { url, local: true };
  if (url.protocol !== "https:") throw fail("is not an https address", "Messages are sent encrypted only.");
  if (!PORTS.has(url.port)) throw fail("has another port than 443 or 8443");
  const host = hostOf(url);
  if (isIP(host) && !isPublicAddress(host)) throw fail("is not an address of the public internet");
  // One label has no public name server; these never have one (RFC 6761, RFC 6762, and ICANN's for private use).
  if (
    !isIP(host) &&
    (!host.replace(/\.$/, "").includes(".") || /\.(localhost|local|internal)\.?$/.test(host))
  )
    throw fail("is not a name of the public internet");
  return { url, local: false };
}

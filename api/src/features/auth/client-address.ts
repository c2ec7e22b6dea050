import { isIPv6 } from "node:net";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";
import type { AppEnv } from "../../core/http.ts";

/**
 * The client's address. Each trusted proxy appends whom it talked to, so with N of them the client is the Nth
 * entry of `X-Forwarded-For` from the right; what stands further left was written by the client itself.
 */
export function clientAddress(c: Context<AppEnv>, trustedProxies: number): string {
  if (trustedProxies > 0) {
    const hops = (c.req.header("x-forwarded-for") ?? "").split(",").map((hop) => hop.trim());
    const hop = withoutPort(hops.at(-trustedProxies)?.slice(0, 64) ?? "");
    if (hop) return hop;
  }
  // Requests of tests come without a socket.
  const bindings: unknown = c.env;
  const served = typeof bindings === "object" && bindings !== null && "incoming" in bindings;
  return (served ? getConnInfo(c).remote.address : undefined) ?? "unknown";
}

/** Some proxies append the port too, which is another one for each connection: `10.0.0.1:5123`, `[2001:db8::1]:5123`. */
function withoutPort(hop: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? hop.replace(/^([\d.]+):\d+$/, "$1");
}

/** What is counted as one client: a home has a whole network of IPv6 addresses, and the first half of one says which. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return mapped;
  if (!isIPv6(address)) return address;
  const [before = "", after] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = (part: string) => part.split(":").filter(Boolean);
  const head = groups(before);
  const tail = after === undefined ? [] : groups(after);
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const all = [...head, ...Array<string>(zeros).fill("0"), ...tail];
  const network = all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(":")}::/64`;
}

import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent } from "node:http";
import type { Duplex } from "node:stream";
import { createProxyServer, proxyUpgrade } from "httpxy";

/** How long the API may be silent within one answer. A model that is still loading says nothing for minutes. */
const SILENCE_MS = 15 * 60_000;

export interface ApiProxy {
  web(req: IncomingMessage, res: ServerResponse): void;
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** Passes requests on byte by byte, in both directions, and ends the one side when the other goes away. */
export function createApiProxy(apiUrl: string): ApiProxy {
  const agent = apiUrl.startsWith("https:")
    ? undefined
    : new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const proxy = createProxyServer({ target: apiUrl, agent, proxyTimeout: SILENCE_MS });
  proxy.on("error", (_error, _req, res) => {
    if (!res || !("setHeader" in res)) return;
    // Part of an answer has been sent: cutting the connection is the only honest end.
    if (res.headersSent) return void res.destroy();
    unavailable(res as ServerResponse);
  });

  return {
    web(req, res) {
      void proxy.web(req, res).catch(() => {
        if (!res.headersSent) unavailable(res);
      });
    },
    upgrade(req, socket, head) {
      socket.on("error", () => socket.destroy());
      // The forwarded headers are already set, truthfully.
      proxyUpgrade(apiUrl, req, socket, head, { xfwd: false }).catch(() => socket.destroy());
    },
  };
}

function unavailable(res: ServerResponse): void {
  const error = {
    code: "api_unavailable",
    message: "The service is not answering right now.",
    hint: "Try again in a few seconds.",
    retryable: true,
  };
  res
    .writeHead(502, { "content-type": "application/json", "retry-after": "2" })
    .end(JSON.stringify({ error }));
}

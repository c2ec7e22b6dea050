import { createServer, type Server } from "node:http";
import type { Hex } from "viem";
import { MirrorFailure, oneLine } from "../src/failure.ts";
import type { TronChain } from "./chain.ts";
import type { TronNode } from "./node.ts";
import type { Progress } from "./progress.ts";
import type { TronStore } from "./store.ts";
import { verifyTransaction } from "./verify.ts";

interface Watched {
  chainId: string;
  chain: TronChain;
  node: TronNode;
  progress: Progress;
  store: () => TronStore | null;
}

function metrics({ chainId, node, progress, store }: Watched): string {
  const lines: string[] = [];
  const metric = (name: string, type: "gauge" | "counter", help: string, values: [string, number][]) => {
    lines.push(`# HELP tron_${name} ${help}`, `# TYPE tron_${name} ${type}`);
    for (const [labels, value] of values) {
      lines.push(`tron_${name}{chain="${chainId}"${labels && `,${labels}`}} ${value}`);
    }
  };
  const gauge = (name: string, help: string, value: number) => metric(name, "gauge", help, [["", value]]);
  gauge("cursor_block", "Last block whose rows are written.", progress.cursor);
  gauge("cursor_timestamp_seconds", "Time of that block.", progress.cursorTimestamp);
  gauge("solid_head_block", "Newest solidified block.", progress.solidHead);
  gauge("head_block", "Newest block, solidified or not.", progress.head);
  gauge("cursor_stuck", "1 when the cursor does not move though it should.", progress.stuck() ? 1 : 0);
  gauge("unknown_logs", "Logs of the contract that are no event of its ABI.", store()?.unknownLogs ?? 0);
  gauge("missing_events", "Events that the reconciliation found on the chain only.", progress.missing);
  metric(
    "requests_total",
    "counter",
    "Requests to nodes by outcome.",
    [...node.outcomes].map(([outcome, count]) => [`outcome="${outcome}"`, count]),
  );
  return `${lines.join("\n")}\n`;
}

/**
 * Serves on 127.0.0.1: `/health` (503 with the reason while the cursor is stuck), `/ready` (200 once the scan was at
 * the solidified head), `/metrics` (Prometheus) and `/transactions/<id>`, where a transaction stands.
 * @throws MirrorFailure when the port is in use
 */
export async function serve(port: number, watched: Watched): Promise<Server> {
  const { progress, chain } = watched;
  const server = createServer(async (request, response) => {
    const reply = (status: number, body: object) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const path = request.url?.split("?")[0] ?? "/";
    const transaction = /^\/transactions\/(?:0x)?([0-9a-f]{64})$/i.exec(path)?.[1];
    if (path === "/metrics") {
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
      response.end(metrics(watched));
    } else if (path === "/health" || path === "/ready") {
      const stuck = progress.stuck();
      const ok = path === "/health" ? stuck === null : progress.caughtUp;
      reply(ok ? 200 : 503, {
        ok,
        chain: watched.chainId,
        cursor: progress.cursor,
        solidHead: progress.solidHead,
        head: progress.head,
        reason: ok ? null : (stuck ?? "The solidified blocks are still being read."),
      });
    } else if (transaction) {
      try {
        reply(200, await verifyTransaction(chain, `0x${transaction.toLowerCase()}` as Hex));
      } catch (error) {
        reply(502, {
          code: "chain_unreachable",
          message: oneLine(error),
          hint: "Ask again in a few seconds.",
        });
      }
    } else {
      reply(404, {
        code: "not_found",
        message: "There is nothing here.",
        hint: "See /health, /ready, /metrics.",
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", () =>
      reject(new MirrorFailure(`Port ${port} is in use; stop what uses it or set TRON_WATCHER_PORT.`)),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  return server;
}

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { AppError } from "../../core/errors.ts";
import { toAppError } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import { MAX_NODE_FRAME_BYTES } from "./protocol.ts";
import type { KnownNode } from "./queries-fleet.ts";
import { requireNode } from "./service.ts";
import { type NodeWork, workOf } from "./wanted.ts";

const PATH = "/api/nodes/connect";

/** What a Node HTTP server offers for WebSockets; `serve()` of @hono/node-server returns one. */
interface UpgradingServer {
  on(event: "upgrade", listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown;
}

/**
 * Serves the nodes' WebSocket at `/api/nodes/connect` and begins to tell nodes which models to serve. Call
 * `deps.nodes.stop()` before closing the server, which waits for open sockets.
 */
export function attachNodeSockets(server: UpgradingServer, deps: Deps): void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_NODE_FRAME_BYTES,
    // Compressing single tokens costs more time than it saves bytes.
    perMessageDeflate: false,
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    const path = request.url?.split("?")[0];
    if (path !== PATH) {
      refuse(socket, new AppError("no_route", 404, "There is no WebSocket at this path."));
      return;
    }
    admit(deps, request.headers.authorization).then(
      ({ node, work }) =>
        sockets.handleUpgrade(request, socket, head, (opened) => deps.nodes.connect(node, opened, work)),
      (error: unknown) => refuse(socket, toAppError(error)),
    );
  });
  deps.bus.start();
  deps.nodes.start((nodeIds) => workOf(deps, nodeIds));
}

async function admit(
  deps: Deps,
  authorization: string | undefined,
): Promise<{ node: KnownNode; work: NodeWork }> {
  const node = await requireNode(deps, authorization);
  return { node, work: (await workOf(deps, [node.id])).get(node.id) ?? { wanted: [], forbidden: new Set() } };
}

function refuse(socket: Duplex, error: AppError): void {
  const body = JSON.stringify(error.toJSON());
  socket.end(
    `HTTP/1.1 ${error.status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

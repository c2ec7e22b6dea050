import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface FileServer {
  origin: string;
  /** Headers of every request so far. */
  requests: IncomingMessage["headers"][];
  /** What it serves, and how badly; may be changed between requests. */
  behaviour: {
    body: Buffer;
    /** Breaks the connection after so many bytes of each answer, this many times. */
    cutAfter: number;
    cuts: number;
    ranges: boolean;
    status: number;
    /** Stops sending, without closing, after so many bytes, this many times. */
    stallAfter: number;
    stalls: number;
  };
  stop(): Promise<void>;
}

/** A real HTTP server with Range support that can be told to fail. */
export async function startFileServer(body: Buffer): Promise<FileServer> {
  const behaviour: FileServer["behaviour"] = {
    body,
    cutAfter: 0,
    cuts: 0,
    ranges: true,
    status: 200,
    stallAfter: 0,
    stalls: 0,
  };
  const requests: FileServer["requests"] = [];
  const server = createServer((request, response) => {
    requests.push(request.headers);
    if (behaviour.status !== 200) {
      response.writeHead(behaviour.status).end();
      return;
    }
    const asked = behaviour.ranges ? /^bytes=(\d+)-$/.exec(request.headers.range ?? "") : null;
    const start = asked ? Number(asked[1]) : 0;
    const rest = behaviour.body.subarray(start);
    response.writeHead(asked ? 206 : 200, {
      "content-length": rest.length,
      ...(asked
        ? { "content-range": `bytes ${start}-${behaviour.body.length - 1}/${behaviour.body.length}` }
        : {}),
    });
    if (behaviour.stalls > 0) {
      behaviour.stalls -= 1;
      response.write(rest.subarray(0, behaviour.stallAfter));
    } else if (behaviour.cuts > 0) {
      behaviour.cuts -= 1;
      response.write(rest.subarray(0, behaviour.cutAfter), () => response.destroy());
    } else response.end(rest);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    behaviour,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

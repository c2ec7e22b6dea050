import { Agent, createServer, request as open } from "node:http";
import type { AddressInfo } from "node:net";

/** The least that anything in the middle can do: `node:http` piping both ways. Argument: the upstream's port. */
const port = Number(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const server = createServer((incoming, outgoing) => {
  const { method, url: path, headers } = incoming;
  const upstream = open({ host: "127.0.0.1", port, method, path, headers, agent }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  upstream.on("error", () => outgoing.destroy());
  incoming.pipe(upstream);
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));

import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, expect, test, vi } from "vitest";
import { TronNode } from "../../tron/node.ts";
import { configFor } from "./support.ts";

let servers: Server[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  servers = [];
});

async function listen(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const nodeAt = (url: string, env: Record<string, string> = {}) =>
  new TronNode(configFor("postgres://localhost/none", [url], { TRON_PRO_API_KEY: "secret", ...env }));
const ask = (node: TronNode, tries?: number) =>
  node.ask("full", {
    path: "wallet/getnowblock",
    read: (json) => json,
    signal: new AbortController().signal,
    ...(tries && { tries }),
  });

/** A node that refuses this often, and the milliseconds between what it was asked. */
async function refusing(times: number, headers: Record<string, string> = {}) {
  const at: number[] = [];
  const url = await listen((_request, response) => {
    at.push(performance.now());
    if (at.length <= times) response.writeHead(429, headers).end();
    else response.end("{}");
  });
  return { node: nodeAt(url), gaps: () => at.slice(1).map((time, n) => time - (at[n] ?? 0)) };
}

/** What timers may be early by. */
const EARLY_MS = 5;

test.each([
  { name: "least", random: 0, part: 0.5 },
  { name: "most", random: 0.999, part: 0.999 },
])(
  "R13: each refusal in a row doubles the penalty; of the jitter it is the $name",
  async ({ random, part }) => {
    vi.spyOn(Math, "random").mockReturnValue(random);
    const { node, gaps } = await refusing(5);
    await ask(node);
    const waited = gaps();
    expect(waited).toHaveLength(5);
    for (const [n, gap] of waited.entries()) expect(gap).toBeGreaterThan(part * 50 * 2 ** n - EARLY_MS);
  },
);

test("R13: a node that says when to come back is left alone until then, by all that ask", async () => {
  const { node, gaps } = await refusing(1, { "retry-after": "1" });
  await Promise.all([ask(node), new Promise((resolve) => setTimeout(resolve, 200)).then(() => ask(node))]);
  expect(gaps()[0]).toBeGreaterThan(1_000 - EARLY_MS);
});

test("R13: what is refused together is one failure", async () => {
  // Each failure that counts is given a jitter.
  const jitter = vi.spyOn(Math, "random");
  const { node, gaps } = await refusing(8, { "retry-after": "2" });
  await Promise.all(Array.from({ length: 8 }, () => ask(node)));
  expect(gaps()).toHaveLength(15);
  expect(jitter).toHaveBeenCalledTimes(1);
});

test.each([
  { name: "nothing", begin: () => {} },
  {
    name: "a part of it",
    begin: (response: ServerResponse) => response.writeHead(200, { "content-length": "9" }).write("{"),
  },
])("a node that hangs is left after the limit for an answer when there came $name", async ({ begin }) => {
  let asked = 0;
  const url = await listen((_request, response) => {
    if (asked++ === 0) begin(response);
    else response.end("{}");
  });
  const node = nodeAt(url, { TRON_ANSWER_MS: "1000" });
  const began = performance.now();
  expect((await ask(node)).value).toEqual({});
  expect(performance.now() - began).toBeGreaterThan(1_000 - EARLY_MS);
  expect(node.outcomes.get("timeout")).toBeGreaterThan(0);
});

test("a clock that is set back holds nothing up", async () => {
  const { node } = await refusing(2);
  let asked = 0;
  const hourAgo = Date.now() - 3_600_000;
  vi.spyOn(Date, "now").mockImplementation(() => (asked++ < 2 ? hourAgo + 3_600_000 : hourAgo));
  expect((await ask(node)).value).toEqual({});
});

test("an answer that unpacks to more than any that is needed is refused, not read", async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20, " "));
  expect(bomb.length).toBeLessThan(100_000);
  const url = await listen((_request, response) =>
    response.writeHead(200, { "content-encoding": "gzip" }).end(bomb),
  );
  await expect(ask(nodeAt(url), 1)).rejects.toThrow("too large");
});

test("the key goes to no other host than the one that was named", async () => {
  const keys: unknown[] = [];
  const thief = await listen((request, response) => {
    keys.push(request.headers["tron-pro-api-key"]);
    response.end("{}");
  });
  const url = await listen((request, response) => {
    keys.push(request.headers["tron-pro-api-key"]);
    response.writeHead(302, { location: `${thief}/` }).end();
  });
  await expect(ask(nodeAt(url), 1)).rejects.toThrow("No answer");
  expect(keys).toEqual(["secret"]);
});

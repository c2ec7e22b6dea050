import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { configFromEnv } from "./config.ts";
import { createWebServer, type WebServer } from "./createWebServer.ts";
import { TRON_LIMITS } from "./tronLimits.ts";
import type { TronNodes } from "./tronProxy.ts";

const running: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const { stop } of running.splice(0).reverse()) await stop();
});

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function upstream(listener: (req: IncomingMessage, res: ServerResponse) => void) {
  const server = createServer(listener);
  const url = await listen(server);
  running.push({
    stop() {
      server.closeAllConnections();
      server.close();
    },
  });
  return { server, url };
}

async function start(urls: {
  apiUrl?: string;
  rpcUrl?: string;
  tron?: TronNodes;
  trustProxy?: boolean;
}): Promise<{ url: string; web: WebServer }> {
  const web = createWebServer({
    handler: (_req, res) => res.end("page"),
    apiUrl: urls.apiUrl ?? "http://127.0.0.1:9",
    rpcUrls: urls.rpcUrl ? { "31337": urls.rpcUrl } : {},
    tronNodes: urls.tron ? { "728126428": urls.tron } : {},
    tronLimits: TRON_LIMITS,
    trustProxy: urls.trustProxy ?? false,
    trustedProxies: 1,
  });
  const url = await listen(web.server);
  running.push({ stop: () => web.stop(0) });
  return { url, web };
}

describe("pages", () => {
  it("serves them with headers that keep other sites out", async () => {
    const { url } = await start({});
    const page = await fetch(`${url}/marketplace`);
    expect(await page.text()).toBe("page");
    expect(page.headers.get("x-frame-options")).toBe("DENY");
    expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    expect(page.headers.get("strict-transport-security")).toBeNull();
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: "ok" });
  });

  it("asks for https for good only behind a proxy that speaks it", async () => {
    const { url } = await start({ trustProxy: true });
    const page = await fetch(url, { headers: { "x-forwarded-proto": "https" } });
    expect(page.headers.get("strict-transport-security")).toMatch(/max-age/);
  });
});

describe("/api", () => {
  it("streams an answer as it is made", async () => {
    let finish = () => {};
    const { url: apiUrl } = await upstream((_req, res) => {
      res.writeHead(200, { "content-type": "text/event-stream" });
      res.write("data: one\n\n");
      finish = () => res.end("data: two\n\n");
    });
    const { url } = await start({ apiUrl });
    const answer = await fetch(`${url}/api/stream`);
    const reader = answer.body!.getReader();
    const decoder = new TextDecoder();
    expect(decoder.decode((await reader.read()).value)).toBe("data: one\n\n");
    finish();
    expect(decoder.decode((await reader.read()).value)).toBe("data: two\n\n");
  });

  it("streams an upload as it arrives", async () => {
    const arrived: string[] = [];
    let first = () => {};
    const firstArrived = new Promise<void>((resolve) => (first = resolve));
    const { url: apiUrl } = await upstream(async (req, res) => {
      for await (const chunk of req) {
        arrived.push(String(chunk));
        first();
      }
      res.writeHead(204, { "upload-offset": "6" }).end();
    });
    const { url } = await start({ apiUrl });
    const patch = request(`${url}/api/uploads/1`, { method: "PATCH", headers: { "content-length": "6" } });
    patch.write("abc");
    await firstArrived;
    expect(arrived).toEqual(["abc"]);
    patch.end("def");
    const [answer] = (await once(patch, "response")) as [IncomingMessage];
    expect(answer.headers["upload-offset"]).toBe("6");
    expect(arrived.join("")).toBe("abcdef");
  });

  it("tells the API when the reader goes away", async () => {
    let closed = () => {};
    const gone = new Promise<void>((resolve) => (closed = resolve));
    const { url: apiUrl } = await upstream((_req, res) => {
      res.writeHead(200).write("x");
      res.once("close", closed);
    });
    const { url } = await start({ apiUrl });
    const abort = new AbortController();
    const answer = await fetch(`${url}/api/chat`, { signal: abort.signal });
    await answer.body!.getReader().read();
    abort.abort();
    await gone;
  });

  it("replaces forwarded headers that the caller made up, and keeps the host", async () => {
    const { url: apiUrl } = await upstream((req, res) => res.end(JSON.stringify(req.headers)));
    const { url } = await start({ apiUrl });
    const headers = {
      "x-forwarded-for": "6.6.6.6",
      "x-forwarded-host": "evil.example",
      "x-forwarded-proto": "https",
    };
    const seen = (await (await fetch(`${url}/api/x`, { headers })).json()) as Record<string, string>;
    expect(seen["x-forwarded-for"]).toBe("127.0.0.1");
    expect(seen["x-forwarded-proto"]).toBe("http");
    expect(seen["x-forwarded-host"]).toBeUndefined();
    expect(`http://${seen.host}`).toBe(url);
  });

  it("says that the API is away in the API's own shape", async () => {
    const { url } = await start({});
    const answer = await fetch(`${url}/api/health`);
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ error: { code: "api_unavailable", retryable: true } });
  });

  it("cuts the answer short when the API dies in the middle of it", async () => {
    const { url: apiUrl } = await upstream((_req, res) => {
      res.writeHead(200).write("half");
      setTimeout(() => res.socket?.destroy(), 20);
    });
    const { url } = await start({ apiUrl });
    const answer = await fetch(`${url}/api/x`);
    await expect(answer.text()).rejects.toThrow();
  });

  it("passes WebSockets through, both ways, and nowhere but to the API", async () => {
    const { server, url: apiUrl } = await upstream((_req, res) => res.end());
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket, req) => {
      socket.on("message", (data) => socket.send(`${req.headers.authorization} ${data}`));
    });
    const { url } = await start({ apiUrl });
    const client = new WebSocket(`${url.replace("http", "ws")}/api/nodes/connect`, {
      headers: { authorization: "Bearer t" },
    });
    await once(client, "open");
    client.send("hello");
    expect(String((await once(client, "message"))[0])).toBe("Bearer t hello");
    client.close();

    const elsewhere = new WebSocket(`${url.replace("http", "ws")}/chat`);
    await expect(once(elsewhere, "open")).rejects.toThrow();
  });
});

describe("/rpc", () => {
  const call = (method: string, id = 1) => JSON.stringify({ jsonrpc: "2.0", id, method, params: [] });
  const json = { "content-type": "application/json" };

  async function withNode() {
    const bodies: string[] = [];
    const node = await upstream(async (req, res) => {
      let body = "";
      for await (const chunk of req) body += chunk;
      bodies.push(body);
      res.end('{"jsonrpc":"2.0","id":1,"result":"0x7a69"}');
    });
    const { url } = await start({ rpcUrl: node.url });
    const post = (body: string, headers: Record<string, string> = json, chain = "31337") =>
      fetch(`${url}/rpc/${chain}`, { method: "POST", headers, body });
    return { bodies, url, post };
  }

  it("passes a read on", async () => {
    const { post, bodies } = await withNode();
    expect(await (await post(call("eth_chainId"))).json()).toEqual({
      jsonrpc: "2.0",
      id: 1,
      result: "0x7a69",
    });
    expect(bodies).toEqual([call("eth_chainId")]);
  });

  it.each([
    "anvil_setBalance",
    "evm_mine",
    "hardhat_reset",
    "debug_traceCall",
    "admin_peers",
    "eth_sendTransaction",
    "eth_accounts",
    "eth_sign",
    "personal_sign",
  ])("refuses %s, alone or in a batch", async (method) => {
    const { post, bodies } = await withNode();
    const alone = await post(call(method, 7));
    expect(alone.status).toBe(403);
    expect(await alone.json()).toMatchObject({ id: 7, error: { code: -32601 } });
    expect((await post(`[${call("eth_chainId")},${call(method)}]`)).status).toBe(403);
    expect(bodies).toEqual([]);
  });

  it("passes on what it checked and nothing else: a node may read a name twice, or in capitals", async () => {
    const { post, bodies } = await withNode();
    const sly =
      '{"METHOD":"eth_accounts","method":"debug_traceCall","method":"eth_chainId","id":1,"jsonrpc":"2.0"}';
    expect((await post(sly)).status).toBe(200);
    expect((await post(`[${sly}]`)).status).toBe(200);
    expect(bodies.map((body) => JSON.parse(body))).toEqual([
      { jsonrpc: "2.0", id: 1, method: "eth_chainId" },
      [{ jsonrpc: "2.0", id: 1, method: "eth_chainId" }],
    ]);
    expect(bodies.join()).not.toMatch(/accounts|debug/);
  });

  it("refuses what is not a JSON-RPC call to a known chain", async () => {
    const { post, url, bodies } = await withNode();
    expect((await fetch(`${url}/rpc/31337`)).status).toBe(405);
    expect((await post("{")).status).toBe(400);
    expect((await post("[]")).status).toBe(403);
    expect((await post("null")).status).toBe(403);
    expect((await post(`[${Array(51).fill(call("eth_chainId")).join(",")}]`)).status).toBe(403);
    expect((await post(call("eth_chainId"), { "content-type": "text/plain" })).status).toBe(415);
    expect((await post(call("eth_chainId"), json, "1")).status).toBe(404);
    expect((await post(call("eth_chainId"), json, "constructor")).status).toBe(404);
    expect((await post(JSON.stringify({ method: "eth_call", params: ["x".repeat(600_000)] }))).status).toBe(
      413,
    );
    expect(bodies).toEqual([]);
  });

  it("says when the node is away", async () => {
    const { url } = await start({ rpcUrl: "http://127.0.0.1:9" });
    const answer = await fetch(`${url}/rpc/31337`, {
      method: "POST",
      headers: json,
      body: call("eth_chainId"),
    });
    expect(answer.status).toBe(502);
  });
});

describe("/tron", () => {
  const json = { "content-type": "application/json" };
  const KEY = { "TRON-PRO-API-KEY": "secret" };

  /** Two nodes that say what they were asked. */
  async function withNodes() {
    const asked: string[] = [];
    const node = (name: string) =>
      upstream(async (req, res) => {
        let body = "";
        for await (const chunk of req) body += chunk;
        asked.push(`${name} ${req.method} ${req.url} ${body} ${req.headers["tron-pro-api-key"]}`);
        res.end('{"number":7}');
      });
    const [full, solid] = await Promise.all([node("full"), node("solid")]);
    const { url } = await start({ tron: { url: full.url, solidityUrl: solid.url, headers: KEY } });
    return { asked, url, base: `${url}/tron/728126428` };
  }

  it("asks the node that it is for, with the key that no page has", async () => {
    const { base, asked } = await withNodes();
    const answer = await fetch(`${base}/wallet/getnowblock`);
    expect(await answer.json()).toEqual({ number: 7 });
    expect([...answer.headers.values()].join()).not.toContain("secret");
    await fetch(`${base}/wallet/getcontract?value=41ab&visible=false`);
    const body = '{"value":"ab", "amount":9007199254740993}';
    await fetch(`${base}/walletsolidity/gettransactioninfobyid?num=1`, {
      method: "POST",
      headers: json,
      body,
    });
    await fetch(`${base}/wallet/getchainparameters`, { method: "POST" });
    await fetch(`${base}/v1/contracts/TQe8oR3LibG2EHCMUe6WgvHXhAVpRLizBz/events?limit=200`);
    expect(asked).toEqual([
      "full GET /wallet/getnowblock  secret",
      "full GET /wallet/getcontract?value=41ab&visible=false  secret",
      `solid POST /walletsolidity/gettransactioninfobyid ${body} secret`,
      "full POST /wallet/getchainparameters {} secret",
      "full GET /v1/contracts/TQe8oR3LibG2EHCMUe6WgvHXhAVpRLizBz/events?limit=200  secret",
    ]);
  });

  it.each([
    "devnet/mine",
    "devnet/status",
    "wallet/../devnet/mine",
    "wallet/%2e%2e/devnet/mine",
    "wallet%2fgetnowblock",
    "wallet//getnowblock",
    "wallet/getnowblock/",
    "Wallet/getnowblock",
    "wallet/getnowblock#/../../devnet/mine",
    "wallet/listnodes",
    "wallet/getblockbylimitnext",
    "walletsolidity/broadcasttransaction",
    "v1/accounts/T/transactions",
    "v1/contracts/TQe8oR3LibG2EHCMUe6WgvHXhAVpRLizBz/events",
    "v1/contracts/TQe8oR3LibG2EHCMUe6WgvHXhAVpRLizBz/../events",
    "wallet/constructor",
    "",
  ])("refuses %s", async (path) => {
    const { url, asked } = await withNodes();
    const { port } = new URL(url);
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    // As it is: fetch would tidy the path up.
    request({ port, path: `/tron/728126428/${path}`, method: "POST", headers: json }, (res) => {
      res.resume();
      resolve(res.statusCode);
    }).end("{}");
    expect(await promise).toBe(403);
    expect(asked).toEqual([]);
  });

  it("refuses other chains, other methods, and what is no question", async () => {
    const { url, base, asked } = await withNodes();
    const post = (body: string, headers: Record<string, string> = json) =>
      fetch(`${base}/wallet/getaccount`, { method: "POST", headers, body });
    for (const chain of ["1", "constructor", "", "0x2b6653dc"]) {
      expect((await fetch(`${url}/tron/${chain}/wallet/getnowblock`)).status).toBe(404);
    }
    expect((await fetch(`${url}/tron/728126428`)).status).toBe(404);
    expect((await fetch(`${base}/wallet/getnowblock`, { method: "PUT" })).status).toBe(405);
    for (const body of ["{", "[]", "null", "1"]) expect((await post(body)).status).toBe(400);
    expect((await post("{}", { "content-type": "text/plain" })).status).toBe(415);
    expect((await post(JSON.stringify({ address: "x".repeat(600_000) }))).status).toBe(413);
    expect((await fetch(`${base}/wallet/getcontract?value=${"x".repeat(3_000)}`)).status).toBe(414);
    expect(asked).toEqual([]);
  });

  it("says when the node is away, and follows it nowhere else", async () => {
    const away = { url: "http://127.0.0.1:9", solidityUrl: "http://127.0.0.1:9", headers: {} };
    const { url } = await start({ tron: away });
    const answer = await fetch(`${url}/tron/728126428/wallet/getnowblock`);
    expect(answer.status).toBe(502);
    expect(await answer.json()).toEqual({ Error: "The chain's node is not answering" });
    const elsewhere = await upstream(
      (_req, res) => void res.writeHead(302, { location: "/devnet/mine" }).end(),
    );
    const sly = await start({ tron: { ...away, url: elsewhere.url } });
    expect((await fetch(`${sly.url}/tron/728126428/wallet/getnowblock`)).status).toBe(502);
  });

  it("is where CHAIN_IDS and TRON_URL say", () => {
    const env = { CHAIN_IDS: "31337, tron:0x2b6653dc", TRON_URL: "https://a.example/, https://b.example" };
    const a = { url: "https://a.example", solidityUrl: "https://a.example", headers: {} };
    expect(configFromEnv(env).tronNodes).toEqual({ "728126428": a });
    const more = { ...env, TRON_SOLIDITY_URL: "https://s.example", TRON_PRO_API_KEY: "secret" };
    expect(configFromEnv(more).tronNodes).toEqual({
      "728126428": { ...a, solidityUrl: "https://s.example", headers: KEY },
    });
    expect(configFromEnv({ TRON_URL: "https://a.example" }).tronNodes).toEqual({});
    expect(() => configFromEnv({ ...env, TRON_URL: "ftp://a" })).toThrow("TRON_URL is not an http");
  });
});

it("stops within a second with a stream, a WebSocket and an idle connection open", async () => {
  const { server, url: apiUrl } = await upstream((_req, res) => void res.writeHead(200).write("x"));
  const sockets = new WebSocketServer({ server });
  const { url, web } = await start({ apiUrl });
  const answer = await fetch(`${url}/api/stream`);
  const client = new WebSocket(`${url.replace("http", "ws")}/api/nodes/connect`);
  await once(client, "open");
  const idle = connect(Number(new URL(url).port), "127.0.0.1");
  await once(idle, "connect");
  const began = Date.now();
  const closed = once(client, "close");
  await web.stop(100);
  expect(Date.now() - began).toBeLessThan(1000);
  await closed;
  await expect(answer.text()).rejects.toThrow();
  sockets.close();
});

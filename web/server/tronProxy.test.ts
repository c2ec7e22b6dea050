import { once } from "node:events";
import { createServer, type RequestListener, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tronTransport } from "@aiforge/contracts/tron";
import { createPublicClient, HttpRequestError } from "viem";
import { afterEach, describe, expect, it } from "vitest";
import { configFromEnv } from "./config.ts";
import { createWebServer } from "./createWebServer.ts";
import { createDayBook, networkOf, TRON_LIMITS, type TronLimits } from "./tronLimits.ts";

const running: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A page server before a node, which asks a proxy for who its clients are. */
async function start(limits: Partial<TronLimits>, node: RequestListener = (_req, res) => res.end("{}")) {
  const asked: string[] = [];
  const upstream = createServer((req, res) => {
    asked.push(req.url ?? "");
    node(req, res);
  });
  const url = await listen(upstream);
  running.push(() => {
    upstream.closeAllConnections();
    upstream.close();
  });
  const web = createWebServer({
    handler: (_req, res) => res.end("page"),
    apiUrl: url,
    rpcUrls: { "1": url },
    tronNodes: { "7": { url, solidityUrl: url, headers: {} } },
    // Long, so that a busy machine does not get into the next one.
    tronLimits: { ...TRON_LIMITS, window: 600, ...limits },
    trustProxy: true,
    trustedProxies: 1,
  });
  const base = await listen(web.server);
  running.push(() => web.stop(0));
  const post = (path: string, client: string, body = "{}") =>
    fetch(`${base}/tron/7/wallet/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-forwarded-for": client },
      body,
    });
  const read = (client: string) => post("getnowblock", client);
  const send = (client: string) => post("broadcasttransaction", client, '{"txID":"ab"}');
  const statuses = async (times: number, ask: () => Promise<Response>) => {
    const counts: Record<number, number> = {};
    for (let at = 0; at < times; at += 1) {
      const { status } = await ask();
      counts[status] = (counts[status] ?? 0) + 1;
    }
    return counts;
  };
  return { asked, base, post, read, send, statuses };
}

describe("limits of /tron", () => {
  it("stops one client who asks too much, says when to come back, and still takes its payment", async () => {
    const { asked, base, read, send, statuses } = await start({ readsPerClient: 10 });
    expect(await statuses(14, () => read("10.0.0.1"))).toEqual({ 200: 10, 429: 4 });
    const refused = await read("10.0.0.1");
    const seconds = Number(refused.headers.get("retry-after"));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(600);
    expect(await refused.json()).toEqual({ Error: expect.stringContaining(`again in ${seconds} s`) });
    expect((await send("10.0.0.1")).status).toBe(200);
    expect((await read("10.0.0.2")).status).toBe(200);
    // What a client wrote before the trusted proxy added whom it talked to counts for nothing.
    expect((await read("10.0.0.9, 10.0.0.1")).status).toBe(429);
    expect((await read("10.0.0.1, 10.0.0.9")).status).toBe(200);
    expect(asked).toHaveLength(13);
    // The other ways to pay do not go through here.
    expect((await fetch(`${base}/api/payments`)).status).toBe(200);
    const rpc = { method: "POST", headers: { "content-type": "application/json" } };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_blockNumber" });
    expect((await fetch(`${base}/rpc/1`, { ...rpc, body })).status).toBe(200);
  });

  it("counts a client as one by whatever port the proxy tells", async () => {
    const { read } = await start({ readsPerClient: 1 });
    const ask = async (client: string) => (await read(client)).status;
    expect(await ask("10.0.0.1:4000")).toBe(200);
    for (const same of ["10.0.0.1:4001", "10.0.0.1"]) expect(await ask(same)).toBe(429);
    expect(await ask("[2001:db8::1]:4000")).toBe(200);
    for (const same of ["[2001:db8::2]:4001", "[2001:db8::1]", "2001:db8::1"])
      expect(await ask(same)).toBe(429);
    expect(await ask("2001:db8:0:1::1")).toBe(200);
  });

  it("keeps half of all questions for who asks little", async () => {
    const { read, statuses } = await start({ reads: 40, readsPerClient: 30 });
    // Nine each are few; what is more comes out of the half of twenty that all others share.
    expect(await statuses(30, () => read("10.0.0.1"))).toEqual({ 200: 29, 429: 1 });
    expect(await statuses(20, () => read("10.0.0.2"))).toEqual({ 200: 9, 429: 11 });
    expect(await statuses(2, () => read("10.0.0.3"))).toEqual({ 200: 2 });
    expect((await read("10.0.0.4")).status).toBe(429);
  });

  it("limits transactions too, and apart", async () => {
    const { read, send, statuses } = await start({ sends: 5, sendsPerClient: 3 });
    expect(await statuses(4, () => send("10.0.0.1"))).toEqual({ 200: 3, 429: 1 });
    expect(await statuses(4, () => send("10.0.0.2"))).toEqual({ 200: 2, 429: 2 });
    expect((await read("10.0.0.1")).status).toBe(200);
  });

  it("gives one client only so many in a day, all of them only a part at once, and payments apart", async () => {
    const { asked, read, send, statuses } = await start({ readsPerDay: 120, sendsPerDay: 30 });
    // Twelve are a client's part of a day.
    expect(await statuses(14, () => read("10.0.0.1"))).toEqual({ 200: 12, 429: 2 });
    const refused = await read("10.0.0.1");
    expect(refused.headers.get("retry-after")).toBeNull();
    expect(await refused.json()).toEqual({ Error: expect.stringContaining("pay in another way") });
    expect(await statuses(4, () => send("10.0.0.1"))).toEqual({ 200: 3, 429: 1 });
    expect((await send("10.0.0.2")).status).toBe(200);
    for (let at = 2; at <= 40; at += 1) await statuses(4, () => read(`10.0.0.${at}`));
    // A third of all 120 and four transactions, whoever asks; who comes now is told when there is more.
    expect(asked).toHaveLength(44);
    expect(Number((await read("10.0.0.99")).headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it("keeps half for who asks little, gives more in time, and begins anew with a client's next day", () => {
    let time = Date.UTC(2026, 10, 22, 12);
    const free = createDayBook(600, () => time);
    const take = (client: string, times: number) =>
      Array.from({ length: times }, () => free(client)).filter((wait) => wait === null).length;
    // Of sixty eighteen are few; the others come out of the hundred that are for all.
    expect(take("a0", 90)).toBe(60);
    expect(free("a0")).toBe(Infinity);
    expect(take("a1", 90)).toBe(60);
    expect(take("a2", 90)).toBe(34);
    expect(take("b1", 90)).toBe(18);
    // Of what is for all two hundred come in a day: one in 432 seconds.
    expect(free("a2")).toBe(432);
    time += 432_000;
    expect(take("a2", 90)).toBe(1);
    time = Date.UTC(2026, 10, 22, 23, 59, 59, 999);
    expect(free("a0")).toBe(Infinity);
    time += 1;
    expect(take("a0", 90)).toBe(60);
  });

  it("gives out no more in any day than that", () => {
    let time = Date.UTC(2026, 10, 22, 12);
    const free = createDayBook(600, () => time);
    let given = 0;
    for (let minute = 0; minute < 24 * 60; minute += 1, time += 60_000)
      for (let at = 0; at < 40; at += 1) if (free(`c${at}`) === null) given += 1;
    expect(given).toBeGreaterThan(590);
    expect(given).toBeLessThanOrEqual(600);
  });

  it("lets a node that stalls hold only so many questions, and no transaction", async () => {
    const held: (() => void)[] = [];
    const { post, send } = await start({ atOnce: 3, atOncePerClient: 2 }, (req, res) => {
      if (req.url?.endsWith("broadcasttransaction")) res.end('{"result":true}');
      else held.push(() => res.end("{}"));
    });
    const waiting = ["10.0.0.1", "10.0.0.1", "10.0.0.2"].map((client) => post("getblock", client));
    await expect.poll(() => held.length, { timeout: 60_000 }).toBe(3);
    // The one has its two places, for the other there is none left.
    for (const client of ["10.0.0.1", "10.0.0.3"]) {
      const refused = await post("getblock", client);
      expect(refused.status).toBe(429);
      expect(refused.headers.get("retry-after")).toBe("1");
    }
    expect(await (await send("10.0.0.1")).json()).toEqual({ result: true });
    for (const answer of held) answer();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200]);
    const again = [1, 2].map(() => post("getblock", "10.0.0.1"));
    await expect.poll(() => held.length, { timeout: 60_000 }).toBe(5);
    for (const answer of held.slice(3)) answer();
    expect((await Promise.all(again)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it("waits for a node only so long, before its answer and in the middle of it", async () => {
    const { post } = await start({ timeoutMs: 300, atOnce: 1 }, (req, res) => {
      if (!req.url?.endsWith("getblock")) res.write("{");
    });
    expect((await post("getblock", "10.0.0.1")).status).toBe(502);
    expect((await post("getnowblock", "10.0.0.1")).status).toBe(502);
    // Its place is free again.
    expect((await post("getblock", "10.0.0.1")).status).toBe(502);
  });

  it("passes on no answer that is too long, and never a part of one as a whole", async () => {
    const { post } = await start({ answerBytes: 1_000 }, (req, res) => {
      const text = JSON.stringify({ text: "x".repeat(2_000) });
      // Said before, or found out on the way.
      if (req.url?.endsWith("getblock")) res.writeHead(200, { "content-length": text.length });
      else res.write(text.slice(0, 500));
      res.end(req.url?.endsWith("getblock") ? text : text.slice(500));
    });
    for (const path of ["getblock", "getnowblock"]) {
      const told = await post(path, "10.0.0.1");
      expect(told.status).toBe(502);
      expect(await told.json()).toEqual({ Error: "The chain's node is not answering" });
    }
  });

  it("lets clients who do not read hold no place", async () => {
    const long = JSON.stringify({ text: "x".repeat(32 * 1024 * 1024) });
    const limits = { atOnce: 2, atOncePerClient: 1, answerBytes: long.length };
    const { base, read } = await start(limits, (req, res) =>
      res.end(req.url?.endsWith("getblock") ? long : "{}"),
    );
    for (const client of ["10.0.0.1", "10.0.0.2"]) {
      const idle = connect(Number(new URL(base).port), "127.0.0.1");
      running.push(() => void idle.destroy());
      idle.write(`GET /tron/7/wallet/getblock HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${client}\r\n\r\n`);
      // The answer has begun, and nothing more of it is taken.
      await once(idle, "readable");
      expect((await read(client)).status).toBe(200);
    }
    expect((await read("10.0.0.3")).status).toBe(200);
  });

  it("takes no question that is too long, nor one that never ends", async () => {
    const { post } = await start({ readBytes: 100, sendBytes: 1_000 });
    const body = JSON.stringify({ text: "x".repeat(500) });
    expect((await post("getnowblock", "10.0.0.1", body)).status).toBe(413);
    expect((await post("broadcasthex", "10.0.0.1", body)).status).toBe(200);
    const { asked, base } = await start({ timeoutMs: 300 });
    const slow = request(`${base}/tron/7/wallet/getnowblock`, { method: "POST" });
    slow.write("{");
    const [error] = (await once(slow, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
    expect(asked).toEqual([]);
  });

  it("lists a few solid blocks at once, and never many", async () => {
    const bodies: string[] = [];
    const { asked, base, post } = await start({}, async (req, res) => {
      let body = "";
      for await (const chunk of req) body += chunk;
      bodies.push(body);
      res.end("{}");
    });
    const list = async (startNum: unknown, endNum: unknown, api = "walletsolidity") => {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ startNum, endNum });
      const question = { method: "POST", headers, body };
      return (await fetch(`${base}/tron/7/${api}/getblockbylimitnext`, question)).status;
    };
    for (const bad of [
      [5, 11],
      [5, 5],
      [5, 4],
      ["5", 6],
      [5, 1e300],
      [null, 6],
    ]) {
      expect(await list(bad[0], bad[1]), String(bad)).toBe(400);
    }
    expect(await list(5, 10, "wallet")).toBe(403);
    const get = await fetch(`${base}/tron/7/walletsolidity/getblockbylimitnext?startNum=1&endNum=99`);
    expect(get.status).toBe(403);
    expect(asked).toEqual([]);
    expect(await list(5, 10)).toBe(200);
    const sly = await post(
      "../walletsolidity/getblockbylimitnext",
      "10.0.0.1",
      '{"endNum":99,"startNum":5,"endNum":10}',
    );
    expect(sly.status).toBe(200);
    expect(bodies.slice(-1)).toEqual(['{"startNum":5,"endNum":10}']);
  });

  it("is understood by our own client, which waits and asks again", async () => {
    let busy = true;
    const { base } = await start({}, (_req, res) => {
      if (busy) res.writeHead(429, { "retry-after": "1" });
      res.end('{"chainParameter":[{"key":"getEnergyFee","value":100}]}');
      busy = false;
    });
    const once = createPublicClient({ transport: tronTransport(`${base}/tron/7`, { retryCount: 0 }) });
    const error = await once.getGasPrice().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HttpRequestError);
    expect((error as HttpRequestError).headers?.get("retry-after")).toBe("1");
    busy = true;
    const client = createPublicClient({ transport: tronTransport(`${base}/tron/7`) });
    expect(await client.getGasPrice()).toBe(100n);
  });

  it("is set by the environment, is wide on the local Tron, and counts a home as one client", () => {
    const env = { CHAIN_IDS: "tron:0x2b6653dc", TRON_READS: "7", TRUSTED_PROXIES: "0" };
    expect(configFromEnv(env)).toMatchObject({
      tronLimits: { ...TRON_LIMITS, reads: 7 },
      trustedProxies: 0,
    });
    const local = configFromEnv({ CHAIN_IDS: "31337,tron:0x74646576" }).tronLimits;
    expect(local).toMatchObject({ reads: 2_000, readsPerDay: Infinity, sendsPerDay: Infinity });
    expect(configFromEnv({ ...env, TRON_READS_PER_DAY: "90000" }).tronLimits.readsPerDay).toBe(90_000);
    expect(() => configFromEnv({ TRON_SENDS: "0" })).toThrow("TRON_SENDS is not a whole number");
    expect(networkOf("2001:db8:0:1::5")).toBe(networkOf("2001:db8:0:1:ffff::1"));
    expect(networkOf("2001:db8::1:0:0:5")).not.toBe(networkOf("2001:db8:0:1::5"));
    expect(networkOf("::ffff:10.0.0.1")).toBe("10.0.0.1");
    expect(networkOf("unknown")).toBe("unknown");
  });
});

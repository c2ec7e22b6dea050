import type { lookup } from "node:dns";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startReceiver } from "../../testing/receivers.ts";
import { isPublicAddress } from "./public-address.ts";
import { callWebhook } from "./webhook-call.ts";
import { newWebhookSecret, signedHeaders } from "./webhook-signature.ts";
import { readWebhookUrl } from "./webhook-url.ts";

let receiver: Awaited<ReturnType<typeof startReceiver>>;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver.close());

const message = { headers: {}, body: "{}" };
const local = (url: string) => readWebhookUrl(url, { demo: true });

describe("addresses", () => {
  it.each([
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "localhost",
    "",
  ])("%s is not of the public internet", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(["1.1.1.1", "93.184.215.14", "172.32.0.1", "192.167.0.1", "2606:4700:4700::1111", "2a00:1450::1"])(
    "%s is",
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
});

describe("a webhook's URL", () => {
  it.each([
    ["http://example.com/", "not an https"],
    ["ftp://example.com/", "not an https"],
    ["file:///etc/passwd", "not an https"],
    ["javascript:alert(1)", "not an https"],
    ["example.com", "not a URL"],
    ["https://", "not a URL"],
    ["https://user:word@example.com/", "name or password"],
    ["https://example.com:22/", "port"],
    ["https://example.com:5432/", "port"],
    ["https://127.0.0.1/", "not an address of the public"],
    ["https://2130706433/", "not an address of the public"],
    ["https://0x7f.1/", "not an address of the public"],
    ["https://0177.0.0.1/", "not an address of the public"],
    ["https://169.254.169.254/latest/meta-data", "not an address of the public"],
    ["https://[::1]/", "not an address of the public"],
    ["https://[::ffff:127.0.0.1]/", "not an address of the public"],
    ["https://localhost/", "not a name of the public"],
    ["https://localhost./", "not a name of the public"],
    ["https://api/", "not a name of the public"],
    ["https://db.internal/", "not a name of the public"],
    ["https://x.localhost/", "not a name of the public"],
    [`https://example.com/${"x".repeat(2_048)}`, "longer"],
  ])("%s is refused", (url, why) => {
    expect(() => readWebhookUrl(url, { demo: false })).toThrow(why);
  });

  it.each(["https://example.com/hook?x=1", "https://example.com:8443/", "https://1.1.1.1/"])(
    "%s is taken",
    (url) => expect(readWebhookUrl(url, { demo: false })).toMatchObject({ local: false }),
  );

  it("may be this machine's in a demo, and no other private address even there", () => {
    expect(local("http://localhost:8080/")).toMatchObject({ local: true });
    expect(local("http://[::1]:8080/")).toMatchObject({ local: true });
    expect(() => local("http://10.0.0.1/")).toThrow("not an https");
    expect(() => local("https://10.0.0.1/")).toThrow("public internet");
    expect(() => local("http://example.com/")).toThrow("not an https");
  });
});

describe("a call", () => {
  /** Answers every name with these, one set after the other. */
  function resolving(...sets: string[][]) {
    let asked = 0;
    const resolver = (_name: string, _options: object, callback: (e: null, all: object[]) => void) => {
      const set = sets[Math.min(asked++, sets.length - 1)]!;
      callback(
        null,
        set.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      );
    };
    return resolver as unknown as typeof lookup;
  }

  it("is not made to a name with a private address, be it one of several or another than a moment ago", async () => {
    // Where the connection would go if it were made.
    const trap = createServer();
    let connections = 0;
    trap.on("connection", () => connections++);
    await once(trap.listen(0, "127.0.0.1"), "listening");
    const { port } = trap.address() as AddressInfo;
    const target = { url: new URL(`https://hooks.example.com:${port}/`), local: false };
    for (const set of [["127.0.0.1"], ["::1"], ["93.184.215.14", "127.0.0.1"], ["::ffff:127.0.0.1"], []]) {
      const result = await callWebhook(target, message, { resolver: resolving(set) });
      expect(result).toMatchObject({ ok: false, status: null });
      expect(result.error).toContain("not of the public internet");
    }
    const changing = resolving(["93.184.215.14"], ["127.0.0.1"]);
    for (let i = 0; i < 2; i++) await callWebhook(target, message, { resolver: changing, timeoutMs: 500 });
    expect(connections).toBe(0);
    await new Promise((done) => trap.close(done));
  });

  it("to this machine goes to no other, whatever its name says", async () => {
    const target = local("http://localhost:8080/");
    const result = await callWebhook(target, message, { resolver: resolving(["10.0.0.1"]) });
    expect(result.error).toContain("address");
  });

  it("carries a signature that the specification's own library takes, with an old secret too", async () => {
    const [secret, old] = [newWebhookSecret(), newWebhookSecret()];
    const body = JSON.stringify({ type: "webhook.test", data: { text: "“ü”" } });
    const timestamp = Math.floor(Date.now() / 1000);
    const headers = signedHeaders({ id: "msg_1", timestamp, body }, [secret, old]);
    expect(await callWebhook(local(receiver.url), { headers, body })).toEqual({
      ok: true,
      status: 204,
      error: null,
    });
    const call = receiver.calls.at(-1)!;
    for (const each of [secret, old]) {
      expect(new Webhook(each).verify(call.body, call.headers)).toEqual(JSON.parse(body));
    }
    expect(() => new Webhook(newWebhookSecret()).verify(call.body, call.headers)).toThrow();
    expect(() => new Webhook(secret).verify(`${call.body} `, call.headers)).toThrow();
    const late = signedHeaders({ id: "msg_1", timestamp: timestamp - 3_600, body }, [secret]);
    expect(() => new Webhook(secret).verify(body, late)).toThrow("too old");
  });

  it("follows no redirect", async () => {
    const other = await startReceiver();
    receiver.answerWith((response) => response.writeHead(307, { location: other.url }).end());
    const result = await callWebhook(local(receiver.url), message);
    expect(result).toMatchObject({ ok: false, status: 307 });
    expect(result.error).toContain("redirect");
    expect(other.calls).toEqual([]);
    await other.close();
  });

  it("ends by itself when there is no answer, or only a part of one", async () => {
    receiver.answerWith(() => undefined);
    const silent = await callWebhook(local(receiver.url), message, { timeoutMs: 300 });
    expect(silent).toEqual({ ok: false, status: null, error: "It did not answer within 0.3 seconds." });
    receiver.answerWith((response) => response.writeHead(500).write("x"));
    const begun = performance.now();
    expect(await callWebhook(local(receiver.url), message, { timeoutMs: 300 })).toMatchObject({
      status: 500,
    });
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it("reads no more than 64 KiB of an endless answer", async () => {
    let written = 0;
    receiver.answerWith((response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(16 * 1024);
      const more = () => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length;
      };
      response.on("drain", more);
      more();
    });
    expect(await callWebhook(local(receiver.url), message)).toMatchObject({ ok: true, status: 200 });
    // Sockets have buffers of some megabytes; a server that is read on would write for ten seconds.
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });

  it("says what kind of failure it was, and nothing of what the server said", async () => {
    const closed = await startReceiver();
    await closed.close();
    expect((await callWebhook(local(closed.url), message)).error).toBe("It refused the connection.");
    const plain = await callWebhook(local(receiver.url.replace("http:", "https:")), message);
    expect(plain.error).toMatch(/certificate|HTTP|failed/);
    const telnet = createServer((socket) => socket.end("220 secret mail server\r\n"));
    await once(telnet.listen(0, "127.0.0.1"), "listening");
    const { port } = telnet.address() as AddressInfo;
    const result = await callWebhook(local(`http://127.0.0.1:${port}/`), message);
    expect(result.error).toBe("Its answer was not HTTP.");
    telnet.close();
  });
});

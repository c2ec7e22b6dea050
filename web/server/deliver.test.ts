import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { createDelivery } from "./deliver.ts";

const running: (() => void)[] = [];
afterEach(() => {
  for (const stop of running.splice(0)) stop();
});

/** More than the buffers of a connection take. */
const LONG = Buffer.alloc(32 * 1024 * 1024, "x");

/** Clients who ask and read nothing; each with its connection as the server has it. */
async function start(bounds: Parameters<typeof createDelivery>[0]) {
  const deliver = createDelivery(bounds);
  const server = createServer((req, res) => {
    const body = req.url === "/long" ? LONG : Buffer.from("{}");
    deliver(res, { status: 200, retryAfter: null, body });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  running.push(
    () => void server.closeAllConnections(),
    () => void server.close(),
  );
  return {
    url: `http://127.0.0.1:${port}`,
    async idle(times = 1) {
      const accepted = once(server, "connection");
      const client = connect(port, "127.0.0.1");
      client.on("error", () => {});
      running.push(() => void client.destroy());
      const [socket] = (await accepted) as [Socket];
      const closed = once(socket, "close");
      client.write("GET /long HTTP/1.1\r\nHost: x\r\n\r\n".repeat(times));
      return { client, socket, closed };
    },
  };
}

it("cuts off who does not read in time, also with one answer behind another", async () => {
  const { url, idle } = await start({ timeoutMs: 300, maxBytes: 10 * LONG.length });
  const clients = [await idle(), await idle(3)];
  await Promise.all(clients.map(({ closed }) => closed));
  expect(await (await fetch(url)).text()).toBe("{}");
});

it("cuts off who has had the longest when too much lies unread", async () => {
  const { url, idle } = await start({ timeoutMs: 600_000, maxBytes: 2 * LONG.length + 4 });
  const answered = async () => {
    const one = await idle();
    await once(one.client, "readable");
    return one;
  };
  const first = await answered();
  const second = await answered();
  expect(first.socket.destroyed).toBe(false);
  const third = await answered();
  await first.closed;
  // What was read no longer counts.
  for (let at = 0; at < 3; at += 1) expect(await (await fetch(url)).text()).toBe("{}");
  expect([second, third].map(({ socket }) => socket.destroyed)).toEqual([false, false]);
});

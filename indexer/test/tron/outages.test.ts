import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDatabase } from "../../../scripts/testing/postgres.ts";
import { query, until } from "../support.ts";
import { type Made, makeBlocks, startNode, type TestNode, transferLog } from "./node.ts";
import { AIFORGE, CASHIER, configFor, SENDER, scanned, transfersIn, USDT, watch } from "./support.ts";

const MAIN = fileURLToPath(new URL("../../tron/main.ts", import.meta.url));

let database: Awaited<ReturnType<typeof createDatabase>>;
let node: TestNode;

const pay = (amount: number): Made => ({
  seed: `pay ${amount}`,
  logs: [transferLog(USDT, SENDER, CASHIER, BigInt(amount))],
});
const amounts = async () => (await transfersIn(database.url)).map(({ amount }) => Number(amount));

beforeEach(async () => {
  database = await createDatabase();
  node = await startNode(makeBlocks(Array.from({ length: 8 }, (_, n) => [pay(n + 1)])));
});
afterEach(async () => {
  await node.close();
  await database.drop();
});

test("while Postgres is away for some seconds the watcher waits, and then goes on", async () => {
  node.solid = 3;
  const watcher = watch(configFor(database.url, [node.url]));
  await scanned(database.url, 3);
  const name = new URL(database.url).pathname.slice(1);
  const other = new URL(database.url);
  other.pathname = "/postgres";
  const admit = (yes: boolean) => query(other.href, `ALTER DATABASE "${name}" ALLOW_CONNECTIONS ${yes}`);
  await admit(false);
  await query(other.href, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
  node.solid = 7;
  const refused = () => watcher.lines.filter((line) => line.includes("cannot be used"));
  await until("Postgres to be tried in vain, twice", async () => refused().length > 1);
  await admit(true);
  await until("the blocks to be written", async () => (await amounts()).length === 8);
  expect(await amounts()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  await watcher.stop();
});

test("a session that Postgres still has after the network was lost is waited for", async () => {
  node.solid = 3;
  const { hostname, port } = new URL(database.url);
  const here: Socket[] = [];
  const there: Socket[] = [];
  const network = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect(Number(port), hostname);
    for (const each of [client, server]) each.on("error", () => {});
    client.pipe(server, { end: false });
    server.pipe(client);
    client.on("end", () => client.end());
    here.push(client);
    there.push(server);
  });
  await new Promise<void>((resolve) => network.listen(0, "127.0.0.1", resolve));
  const url = new URL(database.url);
  url.host = `127.0.0.1:${(network.address() as AddressInfo).port}`;
  const watcher = watch(configFor(url.href, [node.url]));
  try {
    await scanned(database.url, 3);
    // The watcher loses its connections, and Postgres does not know.
    const [lost, left] = [here.splice(0), there.splice(0)];
    for (const each of lost) each.destroy();
    node.solid = 7;
    const taken = "again, because Another Tron watcher is running";
    await until("the lock to be found taken", async () => watcher.lines.join().includes(taken));
    expect(await amounts()).toEqual([1, 2, 3, 4]);
    for (const each of left) each.destroy();
    await until("the blocks to be written", async () => (await amounts()).length === 8);
    expect(await amounts()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  } finally {
    await watcher.stop().catch(() => {});
    for (const each of [...here, ...there]) each.destroy();
    network.close();
  }
});

test("R11: of two watchers on one database the second ends, by itself and with 1, and no log is used twice", async () => {
  node.solid = 3;
  const first = watch(configFor(database.url, [node.url]));
  await scanned(database.url, 3);
  const second = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: database.url,
      TRON_URL: node.url,
      TRON_AIFORGE_ADDRESS: AIFORGE,
      TRON_USDT_ADDRESS: USDT,
      TRON_CASHIER_ADDRESS: CASHIER,
      TRON_WATCHER_PORT: String(first.config.port + 1),
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  second.stderr.on("data", (chunk) => {
    said += chunk;
  });
  const ended = once(second, "exit");
  await sleep(1_000);
  node.solid = 7;
  await scanned(database.url, 7);
  expect(await ended).toEqual([1, null]);
  expect(said).toBe("Another Tron watcher is running on this database; stop it first.\n");
  expect(await amounts()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  await first.stop();
});

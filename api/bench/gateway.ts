import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { createDatabase, freePort, startPostgres } from "../../scripts/testing/postgres.ts";
import { latencies, percentile, type Target, throughput } from "./load.ts";

/**
 * What the gateway adds to a call. The upstream is a constant answer of 64 tokens, given at once, so that nothing but
 * the way is measured: called directly over HTTP, through a bare `node:http` pass-through, and through the gateway,
 * which reaches it as a node over the node protocol and writes a durable usage row for each call. Each of them is a
 * process of its own; the callers are this one. All on one machine, so they share its cores.
 */
const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const say = (text: string) => (values.json ? console.error(text) : console.log(text));

const ROUNDS = 5;
const CALLS_A_ROUND = 60;
const LOAD = { concurrency: 16, ms: 3_000 };
const children: ChildProcess[] = [];
const closers: (() => Promise<unknown>)[] = [];

try {
  const { targets, apiPid } = await prepare();
  const results: Record<string, number> = {};
  for (const stream of [false, true]) await measure(targets, stream, results);
  results.api_rss_mb = Math.round(rssOf(apiPid) / 1024);
  if (values.json) console.log(JSON.stringify(results));
} finally {
  for (const child of children) child.kill("SIGTERM");
  for (const close of closers.reverse()) await close();
}
process.exit(0);

async function measure(targets: Target[], stream: boolean, results: Record<string, number>): Promise<void> {
  const kind = stream ? "stream" : "nonstream";
  const taken = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
  for (const target of targets) await latencies(target, stream, CALLS_A_ROUND);
  // Round by round, so that whatever else the machine does falls on all of them.
  for (let round = 0; round < ROUNDS; round++) {
    for (const target of targets) {
      taken.get(target.name)?.push(...(await latencies(target, stream, CALLS_A_ROUND)));
    }
  }
  say(
    `\n${stream ? "Stream" : "Non-stream"}, 64 tokens      req/s (${LOAD.concurrency} callers)   p50 ms   p99 ms   added p50   added p99`,
  );
  const direct = taken.get("direct") ?? [];
  for (const target of targets) {
    const ms = taken.get(target.name) ?? [];
    const rate = await throughput(target, stream, LOAD);
    const [p50, p99] = [percentile(ms, 0.5), percentile(ms, 0.99)];
    const [added50, added99] = [p50 - percentile(direct, 0.5), p99 - percentile(direct, 0.99)];
    const cells = [rate.toFixed(0), p50.toFixed(2), p99.toFixed(2), added50.toFixed(2), added99.toFixed(2)];
    say(
      `  ${target.name.padEnd(22)}${cells.map((cell, at) => cell.padStart([14, 16, 9, 12, 12][at] ?? 9)).join("")}`,
    );
    results[`${kind}_${target.name}_requests_per_second`] = round(rate);
    results[`${kind}_${target.name}_p50_ms`] = round(p50);
    results[`${kind}_${target.name}_p99_ms`] = round(p99);
    if (target.name === "direct") continue;
    results[`${kind}_${target.name}_added_p50_ms`] = round(added50);
    results[`${kind}_${target.name}_added_p99_ms`] = round(added99);
  }
}

/** Starts Postgres, the api, the upstream and the pass-through, with a user, a model and a key made over HTTP. */
async function prepare(): Promise<{ targets: Target[]; apiPid: number }> {
  const postgres = await startPostgres({ durable: true });
  closers.push(postgres.stop);
  const database = await createDatabase(postgres.url);
  const dataDir = await mkdtemp(join(tmpdir(), "aiforge-bench-"));
  closers.push(() => rm(dataDir, { recursive: true, force: true }));
  const port = await freePort();
  const apiUrl = `http://127.0.0.1:${port}`;
  const api = start("../src/main.ts", [], {
    API_PORT: String(port),
    PUBLIC_URL: apiUrl,
    DATABASE_URL: database.url,
    // The gateway never asks the chain on the way of a call.
    RPC_URL_31337: "http://127.0.0.1:9",
    DATA_DIR: dataDir,
    AUTH_SECRET: randomBytes(32).toString("hex"),
    WEIGHTS_SECRET: randomBytes(32).toString("hex"),
    GATEWAY_REQUESTS_PER_MINUTE: "100000000",
    LOG_LEVEL: "silent",
  });
  await until("the api answers", () => fetch(`${apiUrl}/api/nodes`).then(({ ok }) => ok));

  const post = async <T>(path: string, body: object, token?: string): Promise<T> => {
    const response = await fetch(`${apiUrl}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  const account = { email: "bench@example.org", password: randomBytes(16).toString("hex"), name: "Bench" };
  const { token } = await post<{ token: string }>("/api/auth/register", account);
  const group = await post<{ id: string }>("/api/groups", { name: "Bench" }, token);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ id: string }>(
    `WITH model AS (
       INSERT INTO app.models (group_id, name, slug, description, license, tags, served_version_id)
       VALUES ($1, 'Bench', 'bench', 'A constant answer.', 'MIT', '{}', $2) RETURNING id)
     INSERT INTO app.model_versions (id, model_id, number, state, upload_id, file_name, size)
     SELECT $2, id, 1, 'ready', 'bench', 'bench.gguf', 1 FROM model RETURNING model_id AS id`,
    [group.id, randomUUID()],
  );
  const model = rows[0]!;
  await client.end();
  const { secret } = await post<{ secret: string }>("/api/keys", { name: "bench" }, token);
  const wallet = privateKeyToAccount(generatePrivateKey());
  const { message } = await post<{ message: string }>("/api/nodes/auth-message", { address: wallet.address });
  const signature = await wallet.signMessage({ message });
  const node = await post<{ token: string }>("/api/nodes/register", {
    message,
    signature,
    name: "bench",
    capabilities: {},
  });

  const upstreamPort = await portOf(start("./upstream.ts", [apiUrl, node.token, model.id]));
  const passthroughPort = await portOf(start("./passthrough.ts", [upstreamPort]));
  await until("the probe passes", async () => {
    const response = await fetch(`${apiUrl}/api/nodes`);
    const { nodes } = (await response.json()) as { nodes: { offered: string[] }[] };
    return nodes.some(({ offered }) => offered.includes(model.id));
  });
  const body = (stream: boolean) =>
    JSON.stringify({
      model: model.id,
      stream,
      messages: [{ role: "user", content: "Say sixty-four words." }],
    });
  const path = "/api/v1/chat/completions";
  const at = (name: Target["name"], origin: string, headers = {}): Target => ({
    name,
    url: origin + path,
    headers,
    body,
  });
  return {
    targets: [
      at("direct", `http://127.0.0.1:${upstreamPort}`),
      at("passthrough", `http://127.0.0.1:${passthroughPort}`),
      at("gateway", apiUrl, { authorization: `Bearer ${secret}` }),
    ],
    apiPid: api.pid!,
  };
}

function start(file: string, args: string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  closers.push(async () => {
    while (child.exitCode === null && child.signalCode === null) await pause(20);
  });
  return child;
}

/** The first line that a child prints. */
async function portOf(child: ChildProcess): Promise<string> {
  for await (const text of child.stdout!) return String(text).trim();
  throw new Error("A process of the bench ended before it was ready");
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await check().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`Not within 30 s: ${what}`);
    await pause(50);
  }
}

/** Resident memory in KiB. */
function rssOf(pid: number): number {
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }).trim());
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

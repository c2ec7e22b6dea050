import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type JobSpecification, jobIdOf, specificationHash } from "@aiforge/contracts";
import pg from "pg";
import { createDatabase, freePort, startPostgres } from "../testing/postgres.ts";
import { capability } from "./nodes-peers.ts";

const CHAIN = "eip155:31337";
const hex = (bytes: number) => `0x${randomBytes(bytes).toString("hex")}` as const;

/** The token of the n-th simulated node. */
export const tokenOf = (at: number): string => `aifn_bench_${at}`;

export interface World {
  port: number;
  url: string;
  database: pg.Client;
  apiPid: number;
  stop: () => Promise<void>;
}

/** One api process over a durable Postgres, both real. There is no chain: funding is written as its mirror would. */
export async function startWorld(): Promise<World> {
  const closers: (() => Promise<unknown>)[] = [];
  const postgres = await startPostgres({ durable: true });
  closers.push(postgres.stop);
  const { url: databaseUrl } = await createDatabase(postgres.url);
  const dataDir = await mkdtemp(join(tmpdir(), "aiforge-bench-"));
  closers.push(() => rm(dataDir, { recursive: true, force: true }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const api: ChildProcess = spawn(
    process.execPath,
    [fileURLToPath(new URL("../../api/src/main.ts", import.meta.url))],
    {
      env: {
        ...process.env,
        API_PORT: String(port),
        PUBLIC_URL: url,
        DATABASE_URL: databaseUrl,
        RPC_URL_31337: "http://127.0.0.1:9",
        DATA_DIR: dataDir,
        AUTH_SECRET: randomBytes(32).toString("hex"),
        WEIGHTS_SECRET: randomBytes(32).toString("hex"),
        LOG_LEVEL: process.env.BENCH_LOG_LEVEL ?? "fatal",
      },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  // A bench that breaks leaves nothing behind.
  const kill = () => api.kill("SIGKILL");
  process.once("exit", kill);
  closers.push(async () => {
    process.off("exit", kill);
    api.kill("SIGTERM");
    if (api.exitCode === null && api.signalCode === null) await once(api, "exit");
  });
  const stop = async () => {
    for (const close of closers.reverse()) await close();
  };
  try {
    const deadline = Date.now() + 60_000;
    while (
      !(await fetch(`${url}/api/nodes`).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (Date.now() > deadline || api.exitCode !== null) throw new Error("The api did not start");
      await sleep(100);
    }
    const database = new pg.Client({ connectionString: databaseUrl });
    await database.connect();
    closers.push(() => database.end());
    return { port, url, database, apiPid: api.pid!, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Writes nodes as they are in the middle of their lives: registered, offering containers, their probes due one after
 * the other over the ten minutes between two.
 */
export async function addNodes({ database }: World, count: number, image: string): Promise<void> {
  await database.query(
    `INSERT INTO app.nodes (address, name, token_hash, capabilities, jobs, jobs_enabled, cpu_millis, memory_mb, disk_mb,
            concurrency, images, last_heartbeat_at, probe_passed_at, probe_due_at)
     SELECT '0x' || lpad(to_hex(n), 40, '0'), 'bench ' || n, encode(sha256(('aifn_bench_' || n)::bytea), 'hex'), '{}',
            $2::jsonb, true, 8000, 16384, 100000, 4, ARRAY[$3], now(), now(),
            now() + make_interval(secs => 600.0 * n / $1)
       FROM generate_series(0, $1 - 1) AS n`,
    [count, JSON.stringify(capability(image)), image],
  );
  await database.query("VACUUM ANALYZE app.nodes");
}

/** Who orders the jobs of the bench. */
export async function addUser({ url }: World): Promise<string> {
  const response = await fetch(`${url}/api/auth/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: "bench@example.org", password: hex(16), name: "Bench" }),
  });
  const { user } = (await response.json()) as { user: { id: string } };
  return user.id;
}

/**
 * Has jobs wait for nodes, as when the mirror saw them funded: one transaction that tells the api when it is committed.
 * @returns their ids
 */
export async function fundJobs(
  { database }: World,
  userId: string,
  count: number,
  image: string,
): Promise<string[]> {
  const spec: JobSpecification = {
    version: 1,
    image,
    command: ["node", "-e", "0"],
    env: {},
    inputs: [],
    outputLimitMb: 1,
    cpuMillis: 1_000,
    memoryMb: 256,
    gpus: 0,
    diskMb: 16,
    timeLimitSeconds: 60,
    network: false,
    retries: 2,
    engineModelId: null,
    review: false,
  };
  const deadline = Math.floor(Date.now() / 1000) + 86_400;
  const rows = Array.from({ length: count }, () => {
    const terms = {
      client: hex(20),
      account: hex(32),
      specification: specificationHash(spec),
      salt: hex(32),
    };
    const onchainId = jobIdOf({ ...terms, price: 1_000_000n, deadline });
    return { account: terms.account, wallet: terms.client, salt: terms.salt, onchain_id: onchainId };
  });
  const { rows: stored } = await database.query<{ id: string }>(
    `WITH stored AS (
       INSERT INTO app.jobs (user_id, account, name, spec, spec_hash, state, price, chain, wallet, onchain_id, deadline,
              salt, attempts_left, funded_at)
       SELECT $1, row.account, 'bench', $2::jsonb, $3, 'pending', 1000000, '${CHAIN}', row.wallet, row.onchain_id,
              to_timestamp($4), row.salt, 3, now()
         FROM jsonb_to_recordset($5::jsonb) AS row(account text, wallet text, salt text, onchain_id text)
       RETURNING id
     ), told AS (SELECT pg_notify('aiforge', '{"topic":"pending","message":{}}'))
     SELECT id FROM stored, told`,
    [userId, JSON.stringify(spec), specificationHash(spec), deadline, JSON.stringify(rows)],
  );
  return stored.map(({ id }) => id);
}

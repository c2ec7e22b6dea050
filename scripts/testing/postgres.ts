import { spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import pg from "pg";
import { postgresBinaries, runAs } from "../supervisor/postgres-binaries.ts";

export interface TestServer {
  url: string;
  stop: () => Promise<void>;
}

const given = new Set<number>();

/**
 * A TCP port that was free a moment ago, another one each time. The system gives none of these to outgoing connections:
 * what is to listen there may take seconds to come.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    if (given.has(port)) continue;
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (!free) continue;
    given.add(port);
    return port;
  }
}

/**
 * Starts a throw-away Postgres 18 cluster on a free port; `stop` removes it with its files.
 * @param durable whether a commit waits for the disk, as in production: for benches
 */
export async function startPostgres({ durable = false } = {}): Promise<TestServer> {
  const databaseDir = await mkdtemp(join(tmpdir(), "aiforge-pg-"));
  const port = await freePort();
  const binaries = postgresBinaries();
  // As root it has to run as somebody else, who may not be able to enter the clone's folder: `runAs` sees to both.
  const user = await runAs(join(databaseDir, "cluster"), binaries.postgres);
  if (user.owner) await chown(databaseDir, user.owner.uid, user.owner.gid);
  const passwordFile = `${databaseDir}.password`;
  await writeFile(passwordFile, "postgres\n", { mode: 0o600 });
  if (user.owner) await chown(passwordFile, user.owner.uid, user.owner.gid);
  const launch = (binary: string, args: string[]) => {
    const { command, args: all, user: identity } = user.wrap(binary, args);
    return spawn(command, all, {
      cwd: databaseDir,
      env: { ...process.env, LC_MESSAGES: "C" },
      stdio: ["ignore", "ignore", "pipe"],
      ...identity,
    });
  };
  const initdb = launch(binaries.initdb, [
    `--pgdata=${databaseDir}`,
    "--username=postgres",
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    ...["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
    "--no-sync",
  ]);
  const complaint = text(initdb.stderr);
  const [code] = await once(initdb, "close");
  await rm(passwordFile, { force: true });
  if (code !== 0) throw new Error(`Postgres did not start:\n${await complaint}`);
  const flags = [
    ...["-c", "max_connections=200", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
    // Durability buys a test nothing: the cluster is deleted afterwards.
    ...(durable ? [] : ["-c", "fsync=off", "-c", "synchronous_commit=off"]),
  ];
  const server = launch(binaries.postgres, ["-D", databaseDir, "-p", String(port), ...flags]);
  const exited = once(server, "close");
  await new Promise<void>((resolve, reject) => {
    let log = "";
    server.stderr.on("data", (chunk: Buffer) => {
      log = (log + chunk).slice(-10_000);
      if (log.includes("database system is ready to accept connections")) resolve();
    });
    server.once("close", () => reject(new Error(`Postgres did not start:\n${log}`)));
  });
  // A test run that is cut short takes its cluster along.
  const kill = () => server.kill("SIGKILL");
  process.once("exit", kill);
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    stop: async () => {
      process.off("exit", kill);
      server.kill("SIGINT");
      await exited;
      await rm(databaseDir, { recursive: true, force: true });
    },
  };
}

/** The cluster that the project's global set-up started (see `global-postgres.ts`). */
export function testServerUrl(): string {
  const url = process.env.TEST_DATABASE_URL;
  if (!url)
    throw new Error("TEST_DATABASE_URL is not set: add global-postgres.ts to this project's globalSetup");
  return url;
}

/** Creates an empty database on the test cluster, for one test file. */
export async function createDatabase(
  serverUrl = testServerUrl(),
): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  const run = async (sql: string) => {
    const client = new pg.Client({ connectionString: serverUrl });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  await run(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => run(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

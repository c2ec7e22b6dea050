import { chown, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { Failure } from "./failure.ts";
import { postgresBinaries, type RunAs, runAs } from "./postgres-binaries.ts";
import type { Supervisor } from "./supervisor.ts";

const DATABASE = "aiforge";
const START_MS = 60_000;

/**
 * Starts the embedded Postgres on `<data>/postgres`, creating the cluster and the database when they are not there.
 * @returns the database's URL
 * @throws Failure
 */
export async function startDatabase(supervisor: Supervisor, password: string): Promise<string> {
  const { dataDir, ports } = supervisor.config;
  const cluster = join(dataDir, "postgres");
  const binaries = postgresBinaries();
  const user = await runAs(cluster, binaries.postgres);
  if (!(await exists(join(cluster, "PG_VERSION")))) await createCluster(supervisor, cluster, password, user);
  await forgetPidFile(cluster);
  const flags = {
    listen_addresses: "127.0.0.1",
    port: String(ports.database),
    // Everything goes by TCP; a socket's path may be too long or not writable.
    unix_socket_directories: "",
    max_connections: "100",
    // A laptop's worth: the defaults reserve for a machine of its own.
    shared_buffers: "64MB",
    max_wal_size: "256MB",
  };
  const url = `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${ports.database}/`;
  await supervisor.start({
    name: "postgres",
    label: "Postgres",
    ...user.wrap(binaries.postgres, [
      "-D",
      cluster,
      ...Object.entries(flags).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ]),
    cwd: cluster,
    env: { ...process.env, LC_MESSAGES: "C" },
    // Postgres: SIGINT disconnects everyone and shuts down in order, SIGTERM would wait for them.
    stopSignal: "SIGINT",
    graceMs: 20_000,
    foundation: true,
  });
  await createDatabase(supervisor, url);
  return url + DATABASE;
}

/** The cluster appears under its name only when it is whole, so a start that was cut off begins again. */
async function createCluster(
  supervisor: Supervisor,
  cluster: string,
  password: string,
  user: RunAs,
): Promise<void> {
  const fresh = `${cluster}.new`;
  const passwordFile = join(dirname(cluster), "postgres-password");
  await rm(fresh, { recursive: true, force: true });
  await rm(cluster, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user.owner) {
    await chown(fresh, user.owner.uid, user.owner.gid);
    await chown(passwordFile, user.owner.uid, user.owner.gid);
  }
  try {
    await supervisor.run({
      name: "initdb",
      label: "Creating the database cluster",
      ...user.wrap(postgresBinaries().initdb, [
        `--pgdata=${fresh}`,
        "--username=postgres",
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        // Postgres's own Unicode rules, the same on every system.
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        // One disk sync at the end of everything is enough, and the rename is what makes it count.
        "--no-sync",
      ]),
      cwd: dirname(cluster),
      env: { ...process.env, LC_MESSAGES: "C" },
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(fresh, cluster);
}

/**
 * A killed Postgres leaves its pid file, and refuses to start when another process has that number by now. Nothing of
 * ours runs any more when this is called: the folder is locked and leftovers were stopped.
 */
async function forgetPidFile(cluster: string): Promise<void> {
  await rm(join(cluster, "postmaster.pid"), { force: true });
}

async function createDatabase(supervisor: Supervisor, serverUrl: string): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    supervisor.signal.throwIfAborted();
    const client = new pg.Client({
      connectionString: `${serverUrl}postgres`,
      connectionTimeoutMillis: 5_000,
    });
    client.on("error", () => {});
    try {
      await client.connect();
      const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [DATABASE]);
      if (!rowCount) await client.query(`CREATE DATABASE ${DATABASE}`);
      await client.end();
      return;
    } catch (error) {
      await client.end().catch(() => {});
      const { code } = error as { code?: string };
      if (code === "28P01") {
        throw new Failure(
          "Postgres refuses the password in the data folder's secrets.json; put the old file back or start over with npm start -- --reset.",
        );
      }
      // 57P03: recovering from a kill; ECONNREFUSED: not listening yet.
      if (code !== "57P03" && code !== "ECONNREFUSED" && code !== "ECONNRESET") throw error;
      if (Date.now() > deadline) throw new Failure(`Postgres did not answer within ${START_MS / 1000} s.`);
      await sleep(50);
    }
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startDocker, type TestDocker } from "../testing/docker.ts";
import { Containers } from "./nodes-container.ts";
import { HttpFleet } from "./nodes-fleet.ts";
import { Client, type Load, percentile } from "./nodes-load.ts";
import { CONCURRENCY, Peer, type Seen } from "./nodes-peers.ts";
import { addNodes, addUser, fundJobs, startWorld, tokenOf, type World } from "./nodes-world.ts";

/**
 * Ten thousand nodes against one api process and one Postgres that waits for the disk, all on this machine: they beat
 * and poll over HTTP for a minute, each request counted from when it was due. Then nodes on WebSockets are pushed jobs
 * one by one, under the same load, and at last a queue of a thousand. The nodes are this process; they speak the real
 * protocol, answer their container probes and, where an engine is found, start a real container for each pushed job.
 */
const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    nodes: { type: "string", default: "10000" },
    seconds: { type: "string", default: "60" },
  },
});
const say = (text: string) => (values.json ? console.error(text) : console.log(text));

const NODES = Number(values.nodes);
const LOAD_MS = Number(values.seconds) * 1000;
const PEERS = 100;
const DISPATCHED = 100;
const QUEUED = 1_000;
const DRAIN_MS = 180_000;
const CONNECTIONS = 128;

const image = `sha256:${randomBytes(32).toString("hex")}`;
const pushed = `sha256:${randomBytes(32).toString("hex")}`;
const world = await startWorld();
const peers: Peer[] = [];
const clients: Client[] = [];
const engines: TestDocker[] = [];
try {
  const results = await measure(world);
  if (values.json) console.log(JSON.stringify(results));
} finally {
  for (const peer of peers) peer.close();
  for (const client of clients) client.close();
  await world.stop();
  for (const engine of engines) await engine.stop();
}
process.exit(0);

async function measure(world: World): Promise<Record<string, number>> {
  await addNodes(world, NODES, image);
  const userId = await addUser(world);
  const fleet = new HttpFleet(open(world), NODES);
  say(`${NODES} nodes: ${fleet.beats.toFixed(0)} heartbeats/s and ${fleet.polls.toFixed(0)} polls/s`);
  await fleet.run(3_000);
  const rssBefore = rssOf(world.apiPid);
  const cpuBefore = cpuOf(world.apiPid);
  const { beats, polls } = await fleet.run(LOAD_MS);
  const cpu = ((cpuOf(world.apiPid) - cpuBefore) / LOAD_MS) * 100;
  const notStored = await fleet.notStored(world);
  const missed = beats.failed + polls.failed + notStored;
  say(`  heartbeats  ${line(beats)}`);
  say(`  polls       ${line(polls)}   container probes answered: ${fleet.probes}`);
  const rss = rssOf(world.apiPid);
  say(`  missed      ${missed}`);
  say(`  the api     ${rss} MB (${rssBefore} MB before), ${cpu.toFixed(0)} % of one core`);

  const engine = await startDocker().catch(() => null);
  if (engine) engines.push(engine);
  const containers = engine ? new Containers(engine) : null;
  const seen: Seen = {
    told: new Map(),
    accepted: new Map(),
    started: new Map(),
    finished: new Set(),
    refused: 0,
  };
  let real = containers !== null;
  const client = open(world);
  for (let at = 0; at < PEERS; at++) {
    const options = { url: world.url, client, token: tokenOf(at), image: pushed, seen };
    peers.push(await Peer.open({ ...options, containers: () => (real ? containers : null) }));
  }
  await until("the probes of the connected nodes pass", async () => {
    const { rows } = await world.database.query(
      "SELECT count(*)::int AS n FROM app.nodes WHERE $1 = ANY(images) AND probe_due_at > now() AND probe IS NULL",
      [pushed],
    );
    return rows[0].n === PEERS;
  });
  const { told, ran: dispatch } = await dispatched(world, userId, seen, fleet);
  say(
    `\n${DISPATCHED} jobs pushed one by one under that load, from funded to ${
      real
        ? "a real container that runs"
        : "the node's report that it runs (no container engine here: no container was started)"
    }`,
  );
  say(`  told to start   p50 ${ms(percentile(told, 0.5))}   p95 ${ms(percentile(told, 0.95))}`);
  say(
    `  runs            p50 ${ms(percentile(dispatch, 0.5))}   p95 ${ms(percentile(dispatch, 0.95))}   most ${ms(percentile(dispatch, 1))}`,
  );

  real = false;
  const queue = await fundJobs(world, userId, QUEUED, pushed);
  const started = performance.now();
  const drained = await until("the queue is empty", () => done(world, queue), DRAIN_MS).then(
    () => (performance.now() - started) / 1000,
    () => Number.NaN,
  );
  const lost = await notCompleted(world, queue);
  const doubled = queue.filter((id) => (seen.accepted.get(id)?.size ?? 0) > 1).length;
  say(
    `\n${QUEUED} queued jobs over ${PEERS} nodes with room for ${CONCURRENCY} each: ${drained.toFixed(1)} s`,
  );
  say(`  lost ${lost}   doubled ${doubled}   answers that were refused ${seen.refused}`);
  return {
    heartbeat_p50_ms: round(percentile(beats.took, 0.5)),
    heartbeat_p99_ms: round(percentile(beats.took, 0.99)),
    poll_p50_ms: round(percentile(polls.took, 0.5)),
    poll_p99_ms: round(percentile(polls.took, 0.99)),
    heartbeats: beats.took.length,
    polls: polls.took.length,
    missed,
    told_p95_ms: round(percentile(told, 0.95)),
    dispatch_p50_ms: round(percentile(dispatch, 0.5)),
    dispatch_p95_ms: round(percentile(dispatch, 0.95)),
    dispatch_real_containers: containers ? 1 : 0,
    drain_seconds: round(drained),
    jobs_lost: lost,
    jobs_doubled: doubled,
    api_rss_mb: rss,
    api_cpu_percent: round(cpu),
  };
}

/** Funds jobs one by one while the fleet beats and polls. @returns milliseconds until a node was told, and until it ran */
async function dispatched(world: World, userId: string, seen: Seen, fleet: HttpFleet) {
  const background = fleet.run(DISPATCHED * 200);
  const [told, ran]: [number[], number[]] = [[], []];
  for (let at = 0; at < DISPATCHED; at++) {
    const funded = performance.now();
    const [id] = await fundJobs(world, userId, 1, pushed);
    await until("the job runs", async () => seen.started.has(id!), 30_000, 2);
    told.push(seen.told.get(id!)! - funded);
    ran.push(seen.started.get(id!)! - funded);
    await sleep(Math.random() * 100);
  }
  await background;
  return { told, ran };
}

async function done({ database }: World, ids: string[]): Promise<boolean> {
  const { rows } = await database.query(
    "SELECT count(*)::int AS n FROM app.jobs WHERE id = ANY($1) AND state NOT IN ('completed', 'failed', 'timed_out')",
    [ids],
  );
  return rows[0].n === 0;
}

async function notCompleted({ database }: World, ids: string[]): Promise<number> {
  const { rows } = await database.query(
    "SELECT count(*)::int AS n FROM app.jobs WHERE id = ANY($1) AND state = 'completed'",
    [ids],
  );
  return ids.length - rows[0].n;
}

function open({ port }: World): Client {
  const client = new Client(port, CONNECTIONS);
  clients.push(client);
  return client;
}

async function until(
  what: string,
  check: () => Promise<boolean>,
  forMs = 60_000,
  everyMs = 100,
): Promise<void> {
  const deadline = performance.now() + forMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`Not within ${forMs / 1000} s: ${what}`);
    await sleep(everyMs);
  }
}

/** Milliseconds of processor time that a process has had, from `/proc`; not a number where there is none. */
function cpuOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    // Fields 14 and 15 of proc_pid_stat(5), in hundredths of a second.
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return Number.NaN;
  }
}

/** Resident memory in MB. */
function rssOf(pid: number): number {
  return Math.round(
    Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / 1024,
  );
}

function line({ took, failed }: Load): string {
  return `${String(took.length).padStart(6)}   p50 ${ms(percentile(took, 0.5))}   p99 ${ms(percentile(took, 0.99))}   most ${ms(percentile(took, 1))}   failed ${failed}`;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

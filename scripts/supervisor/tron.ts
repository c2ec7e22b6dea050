import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { demoAccount, LOCAL_TRON_ID, showTronAddress } from "@aiforge/contracts";
import { checkLocalTron, type LocalTron, readLocalTron } from "@aiforge/contracts/localTron";
import type { Hex } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { ROOT } from "./config.ts";
import { Failure } from "./failure.ts";
import type { Supervisor } from "./supervisor.ts";

const START_MS = 60_000;
/**
 * Milliseconds between blocks while nobody sends anything. Clients take the newest block's time, and a minute more,
 * for when a transaction expires: much slower, and it would have expired when it is signed.
 */
const IDLE_BLOCK_MS = 10_000;
/** By how much one block is later than another at least: what is deployed at once is then only seconds ahead. */
const SLOT_MS = 1_000;

export interface Tron {
  /** What the API, the watcher and the page server are told of Tron; known before the chain answers, if ever possible. */
  env: Promise<NodeJS.ProcessEnv>;
  /** The local chain answers and the contracts are on it. Null where it is somebody else's. */
  local: Promise<{ url: string; at: LocalTron; fresh: boolean }> | null;
}

/**
 * Starts the local Tron where it was, deploys USDT and AIForge when they are not there, or passes on how to reach the
 * Tron of CHAIN_IDS.
 * @throws Failure by the promises that it returns
 */
export function startTron(supervisor: Supervisor): Tron {
  const { config } = supervisor;
  if (!config.localTron) return { env: Promise.resolve(tronCashier(process.env)), local: null };
  const folder = join(config.dataDir, "tron");
  const file = join(folder, "deployment.json");
  const url = `http://127.0.0.1:${config.ports.tron}`;
  const known = readLocalTron(file).catch((error: Error) => {
    throw new Failure(`${error.message}; npm start -- --reset begins anew.`);
  });
  const answering = known.then(() => startDevnet(supervisor, folder, url));
  const deployed = Promise.all([known, answering]).then(async ([kept]) => {
    if (kept) {
      await checkLocalTron(url, kept).catch(() => {
        throw new Failure(
          `The local Tron in ${folder} is not the one that deployment.json there is of; npm start -- --reset begins anew.`,
        );
      });
      return { url, at: kept, fresh: false };
    }
    await supervisor.run({
      name: "tron-deploy",
      label: "Deploying to the local Tron",
      command: process.execPath,
      args: [join(ROOT, "contracts/scripts/deployLocalTron.ts"), url, file],
      cwd: ROOT,
      env: process.env,
    });
    const at = await readLocalTron(file);
    if (!at) throw new Failure(`Deploying to the local Tron left nothing in ${file}.`);
    return { url, at, fresh: true };
  });
  return {
    env: known.then(async (kept) => localEnv(url, kept ?? (await deployed).at)),
    local: deployed,
  };
}

async function startDevnet(supervisor: Supervisor, folder: string, url: string): Promise<void> {
  const { ports, tronBlockMs } = supervisor.config;
  const flags = {
    port: ports.tron,
    dir: folder,
    "block-time": tronBlockMs,
    "idle-block-time": Math.max(tronBlockMs, IDLE_BLOCK_MS),
    slot: Math.min(tronBlockMs, SLOT_MS),
  };
  await supervisor.start({
    name: "tron",
    label: "The local Tron",
    command: process.execPath,
    args: [
      join(ROOT, "scripts/tron-devnet/bin/tron-devnet.mjs"),
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ],
    cwd: ROOT,
    env: process.env,
    foundation: true,
  });
  const deadline = Date.now() + START_MS;
  for (;;) {
    supervisor.signal.throwIfAborted();
    const answer = await fetch(`${url}/devnet/status`, { signal: AbortSignal.timeout(5_000) }).catch(
      () => null,
    );
    const status = answer?.ok ? ((await answer.json()) as { chainId?: number }) : null;
    if (status?.chainId === LOCAL_TRON_ID) return;
    if (Date.now() > deadline)
      throw new Failure(`The local Tron did not answer within ${START_MS / 1000} s.`);
    await sleep(50);
  }
}

function localEnv(url: string, { usdt, aiforge, startBlock }: LocalTron): NodeJS.ProcessEnv {
  return {
    ...tronCashier({ ...process.env, TRON_CASHIER_ADDRESS: "" }, demoAccount("cashier").address),
    TRON_URL: url,
    TRON_SOLIDITY_URL: url,
    TRON_EVENT_URL: url,
    TRON_USDT_ADDRESS: showTronAddress(usdt),
    TRON_AIFORGE_ADDRESS: showTronAddress(aiforge),
    TRON_START_BLOCK: String(startBlock),
  };
}

/** The wallet whose incoming USDT is mirrored: the one whose key the API has, so that nobody has to set it twice. */
export function tronCashier(env: NodeJS.ProcessEnv, fallback?: Hex): NodeJS.ProcessEnv {
  if (env.TRON_CASHIER_ADDRESS) return {};
  const key = env.TRON_CASHIER_KEY || env.CASHIER_KEY || "";
  // The API says what is wrong with a key that is none.
  const address = /^0x[0-9a-fA-F]{64}$/.test(key) ? privateKeyToAddress(key as Hex) : fallback;
  return address ? { TRON_CASHIER_ADDRESS: showTronAddress(address) } : {};
}

const LOOK_MS = 15_000;

/** Says when Tron's mirror is stuck, and when it goes on: nothing ends for that, but nobody's payment counts. */
export function watchTron(supervisor: Supervisor): void {
  const url = `http://127.0.0.1:${supervisor.config.ports.tronMirror}/health`;
  let said: string | null = null;
  const timer = setInterval(async () => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
    // It ended, or is only now beginning to listen: the first is said elsewhere.
    if (!answer) return;
    const health = (await answer.json().catch(() => ({}))) as { reason?: unknown };
    const reason = answer.ok ? null : String(health.reason ?? `it answers ${answer.status}`);
    if (reason && !said) console.error(`Tron is not mirrored at the moment: ${reason}`);
    if (!reason && said) console.log("Tron is mirrored again.");
    said = reason;
  }, LOOK_MS);
  timer.unref();
  supervisor.signal.addEventListener("abort", () => clearInterval(timer));
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { PrivateKeyAccount } from "viem/accounts";
import { aiforgeCall, FROM_WALLET, usdtCall } from "../chain/calls.ts";
import { contractJob } from "../features/jobs/terms.ts";
import type { JobRow } from "../features/jobs/transitions.ts";
import { jobRow } from "./escrows.ts";
import { TRON_CHAIN, type TronStand, tronEnv } from "./tron.ts";
import type { TestWalletUser } from "./users.ts";

/** Lets a worker run as a process that kills itself right after a step. @returns how it ended */
export async function killedAfter(
  stand: TronStand,
  file: string,
  step: string,
): Promise<[string, string | null]> {
  const { config } = stand.api.deps;
  const child = spawn(process.execPath, [fileURLToPath(new URL(`./${file}`, import.meta.url))], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      DATABASE_URL: config.DATABASE_URL,
      ...tronEnv(stand.devnet.url, stand.contracts),
      CHAIN_IDS: TRON_CHAIN,
      AUTH_SECRET: config.AUTH_SECRET,
      WEIGHTS_SECRET: config.WEIGHTS_SECRET,
      DATA_DIR: config.DATA_DIR,
      LOG_LEVEL: "silent",
      DIE_AT: step,
    },
  });
  await once(child, "exit");
  return [step, child.signalCode];
}

/** Makes blocks until something is done: slowly, so that what is signed is sent before it expires, 20 blocks on. */
export async function mining<T>(stand: TronStand, work: Promise<T>): Promise<T> {
  let done = false;
  const over = work.finally(() => {
    done = true;
  });
  while (!done) {
    await Promise.race([over, sleep(400)]);
    await stand.devnet.mine();
  }
  return over;
}

/** Funded jobs whose results wait to be verified, each with a node of its own. */
export async function tronJobs(
  stand: TronStand,
  client: TestWalletUser,
  count: number,
): Promise<{ job: JobRow; node: PrivateKeyAccount }[]> {
  const chain = stand.chain();
  const { aiforge } = chain;
  const price = 10_000_000n;
  await stand.sign(client.wallet, usdtCall(chain, "approve", [aiforge, price * BigInt(count)]));
  const made: { job: JobRow; node: PrivateKeyAccount }[] = [];
  for (let at = 0; at < count; at++) {
    const node = stand.newWallet();
    const job = await jobRow(stand.api, client, { state: "verifying", price, node, chain: TRON_CHAIN });
    await stand.sign(client.wallet, aiforgeCall(chain, "openJob", [contractJob(job), FROM_WALLET]));
    made.push({ job, node });
  }
  await stand.settle();
  return made;
}

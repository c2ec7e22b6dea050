import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutants.ts";
import type { Tried } from "./tally.ts";
import type { Message, TrialOptions } from "./trial.ts";

const TRIAL = fileURLToPath(new URL("trial.ts", import.meta.url));
/** Longer than any mutant takes that ends at all, in milliseconds. With the invariants, which take minutes, longer. */
const PATIENCE = 60_000;
const PATIENCE_WITH_INVARIANTS = 900_000;

/** What a process said on its error output. */
const said = new WeakMap<ChildProcess, string>();

export interface Plan extends Pick<TrialOptions, "root" | "runs" | "invariants"> {
  /** How many processes. */
  jobs: number;
}

/**
 * Tries mutants in processes of their own.
 * @throws Error where the tests fail without a mistake, or a process ends by itself.
 */
export async function tryAll(
  mutants: Mutant[],
  plan: Plan,
  onTried: (tried: Tried, done: number, of: number) => void,
): Promise<Tried[]> {
  const folder = mkdtempSync(join(tmpdir(), "mutants-"));
  const queue = mutants.entries();
  const tried: Tried[] = [];
  const work = async (job: number) => {
    let process: ChildProcess | undefined;
    try {
      for (const [, mutant] of queue) {
        process ??= await start({ ...plan, folder: join(folder, String(job)) });
        const began = performance.now();
        const message = await ask(process, mutant, plan.invariants ? PATIENCE_WITH_INVARIANTS : PATIENCE);
        const verdict = message && "verdict" in message ? message.verdict : { status: "timeout" as const };
        if (!message) {
          process.kill("SIGKILL");
          process = undefined;
        }
        tried.push({ mutant, verdict, seconds: (performance.now() - began) / 1000 });
        onTried(tried.at(-1)!, tried.length, mutants.length);
      }
    } finally {
      process?.kill();
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(plan.jobs, mutants.length) }, (_, job) => work(job)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return tried;
}

async function start(options: TrialOptions): Promise<ChildProcess> {
  // What Hardhat prints of every run says nothing here, nor do the compiler's warnings.
  const child = fork(TRIAL, [JSON.stringify(options)], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  child.stderr
    ?.setEncoding("utf8")
    .on("data", (text: string) => said.set(child, `${said.get(child) ?? ""}${text}`));
  const message = await ask(child, undefined, PATIENCE_WITH_INVARIANTS);
  if (!message || !("ready" in message)) throw new Error("The trial did not start");
  const { passed, failed } = message.ready;
  if (failed.length === 0 && passed > 0) return child;
  child.kill();
  throw new Error(`Without a mistake ${passed} tests pass and these fail: ${failed.join(", ")}`);
}

/** The next message of a process, or undefined if none comes in time. */
function ask(
  child: ChildProcess,
  mutant: Mutant | undefined,
  patience: number,
): Promise<Message | undefined> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer);
      child.off("message", onMessage);
      child.off("exit", onExit);
    };
    const onMessage = (message: Message) => {
      settle();
      resolve(message);
    };
    const onExit = (code: number | null) => {
      settle();
      reject(new Error(`A trial ended with ${code}: ${said.get(child) ?? ""}`));
    };
    const timer = setTimeout(() => {
      settle();
      resolve(undefined);
    }, patience);
    child.on("message", onMessage);
    child.on("exit", onExit);
    if (mutant) child.send(mutant);
  });
}

import { setTimeout as sleep } from "node:timers/promises";
import { readConfig } from "../config.ts";
import { createDeps } from "../deps.ts";
import { runCashier } from "../features/payments/cashier/worker.ts";

/**
 * The cashier as a process of its own, which a test kills. With DIE_AT it kills itself right after that step, as a power
 * cut would; says "ready" when it starts to work.
 */
const { DIE_AT } = process.env;
const deps = createDeps(readConfig());
const at = (step: string) => {
  if (step === DIE_AT) process.kill(process.pid, "SIGKILL");
};
console.log("ready");
for (;;) {
  for (const chain of deps.chains.all) await runCashier(deps, chain, { at }).catch(() => undefined);
  await sleep(50);
}

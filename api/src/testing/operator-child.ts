import { setTimeout as sleep } from "node:timers/promises";
import { runOperator } from "../chain/operator/worker.ts";
import { readConfig } from "../config.ts";
import { createDeps } from "../deps.ts";
import { settlementCall } from "../features/jobs/settlement-calls.ts";
import { sweepSettlements } from "../features/jobs/settlement-sweep.ts";

/**
 * The operator as a process of its own, which a test kills. With DIE_AT it kills itself right after that step, as a power
 * cut would; says "ready" when it starts to work.
 */
const { DIE_AT } = process.env;
const deps = createDeps(readConfig(), { connections: 4 });
const at = (step: string) => {
  if (step === DIE_AT) process.kill(process.pid, "SIGKILL");
};
console.log("ready");
for (;;) {
  for (const chain of deps.chains.all) {
    await sweepSettlements(deps, chain).catch(() => undefined);
    await runOperator(deps, chain, { encode: settlementCall, at }).catch(() => undefined);
  }
  await sleep(50);
}

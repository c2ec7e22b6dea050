import { readConfig } from "../config.ts";
import { createDeps } from "../deps.ts";
import { runDistribution, type Step } from "../features/revenue/run.ts";

/** Runs a round of the distribution as a process of its own, which kills itself at the step that KILL_AT names. */
const deps = createDeps(readConfig(), { connections: 4 });
const at = process.env.KILL_AT as Step | undefined;
await runDistribution(deps, deps.chains.all[0]!, {
  onStep: (step) => {
    if (step === at) process.kill(process.pid, "SIGKILL");
  },
});
process.exit(0);

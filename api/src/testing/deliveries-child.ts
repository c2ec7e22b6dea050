import { readConfig } from "../config.ts";
import { createDeps } from "../deps.ts";
import { startDeliveries } from "../features/notifications/worker.ts";

/** The sender of notifications as a process of its own. It kills itself right after the step DIE_AT, as a power cut would. */
const { DIE_AT } = process.env;
startDeliveries(createDeps(readConfig(), { connections: 4 }), {
  everyMs: 50,
  leaseSeconds: 1,
  at: (step) => {
    if (step === DIE_AT) process.kill(process.pid, "SIGKILL");
  },
});

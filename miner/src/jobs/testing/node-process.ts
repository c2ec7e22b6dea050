// The jobs of a node in a process of their own, for tests that kill it.
import { privateKeyToAccount } from "viem/accounts";
import { createLogger } from "../../logger.ts";
import { resolveJobs } from "../config.ts";
import { Jobs } from "../jobs.ts";

const { JOBS_API = "", JOBS_DATA = "", JOBS_DOCKER = "", JOBS_KEY = "" } = process.env;
const jobs = new Jobs({
  config: resolveJobs({ jobs: "on", dockerHost: JOBS_DOCKER }),
  apiUrl: JOBS_API,
  dataDir: JOBS_DATA,
  account: privateKeyToAccount(JOBS_KEY as `0x${string}`),
  token: () => "token",
  engineOf: () => null,
  onChange: () => {},
  log: createLogger({ json: true, level: "silent" }),
  backoffBaseMs: 20,
  pollMs: 200,
});
await jobs.start();

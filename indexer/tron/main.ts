import { parseArgs } from "node:util";
import { oneLine } from "../src/failure.ts";
import { readTronConfig } from "./config.ts";
import { runWatcher } from "./watcher.ts";

const HELP = `Mirrors the AIForge contract on Tron into Postgres, beside the EVM chains.

  node indexer/tron/main.ts

  DATABASE_URL              Postgres to mirror into (required)
  TRON_URL                  nodes that answer wallet/..., with commas between; without it there is nothing to do
  TRON_SOLIDITY_URL         nodes that answer walletsolidity/... (TRON_URL)
  TRON_EVENT_URL            nodes that answer v1/... (TRON_URL)
  TRON_PRO_API_KEY          key for TronGrid
  TRON_AIFORGE_ADDRESS      the contract (required)
  TRON_USDT_ADDRESS         USDT, needed for the cashier
  TRON_CASHIER_ADDRESS      wallet whose incoming USDT is mirrored too (none)
  TRON_START_BLOCK          first block to look at: that of the deployment (0 on this machine, required otherwise)
  TRON_POLLING_MS           milliseconds between looks at the heads (500 on this machine, 6000 otherwise)
  TRON_REQUESTS_PER_SECOND  most requests a second (no limit on this machine, 10 otherwise)
  TRON_ANSWER_MS            milliseconds that a node has for an answer (15000)
  TRON_IN_FLIGHT            blocks fetched at the same time while catching up (8)
  TRON_RECONCILE_MS         milliseconds between reconciliations with v1 events, 0 for none (600000)
  TRON_STUCK_MS             milliseconds without progress that raise the alert (120000)
  TRON_WATCHER_PORT         port on 127.0.0.1 for /health, /ready, /metrics, /transactions/<id> (14070)

SIGTERM and SIGINT stop it.`;

const { values } = parseArgs({ options: { help: { type: "boolean", short: "h" } } });
if (values.help) {
  console.log(HELP);
} else {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());
  try {
    const config = readTronConfig();
    if (config) await runWatcher(config, { signal: stop.signal, log: (line) => console.log(line) });
    else console.log("TRON_URL is not set: no Tron is mirrored.");
  } catch (error) {
    console.error(oneLine(error));
    process.exitCode = 1;
  }
}

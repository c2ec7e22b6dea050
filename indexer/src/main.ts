import { parseArgs } from "node:util";
import { readConfig } from "./config.ts";
import { oneLine } from "./failure.ts";
import { runMirror } from "./mirror.ts";

const HELP = `Mirrors the AIForge contract's events into Postgres, schema "chain".

  node indexer/src/main.ts

  DATABASE_URL                 Postgres to mirror into (required)
  RPC_URL_<chain id>           an EVM chain to mirror, one variable each (RPC_URL_31337=http://127.0.0.1:8545)
  AIFORGE_ADDRESS_<chain id>   the contract there (the known deployment)
  AIFORGE_START_BLOCK_<id>     first block to look at (the deployment's)
  AIFORGE_CASHIER_ADDRESS_<id> wallet whose incoming USDT is mirrored too (none)
  USDT_ADDRESS_<chain id>      USDT there (the known deployment's), needed for the cashier
  INDEXER_PORT                 port on 127.0.0.1 for /health, /ready, /status, /metrics (14069)
  INDEXER_POLLING_MS           milliseconds between looks at the head (500 local, 2000 otherwise)
  PONDER_LOG_LEVEL             warn, info, debug or trace (warn)

It is ready when /ready answers 200; until the first index is complete, "chain" shows what there is so far.
SIGTERM and SIGINT stop it.`;

const { values } = parseArgs({ options: { help: { type: "boolean", short: "h" } } });
if (values.help) {
  console.log(HELP);
} else {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());
  try {
    await runMirror(readConfig(), { signal: stop.signal, log: (line) => console.log(line) });
  } catch (error) {
    console.error(oneLine(error));
    process.exitCode = 1;
  }
}

import { engineOptions, inviteOption, nameOption, resolveConfig } from "../config.ts";
import { jobOptions } from "../jobs/config.ts";
import { VERSION } from "../version.ts";
import { nodeCommand } from "./command.ts";

/** Milliseconds that an orderly end may take before the process just ends. */
const SHUTDOWN_MS = 8_000;

export const start = nodeCommand(
  "start",
  {
    description: "register this node, fetch the models it serves, answer requests and run jobs",
    options: [inviteOption, nameOption, ...engineOptions, ...jobOptions],
  },
  async (raw) => {
    const config = resolveConfig(raw);
    // Loaded only now: the engine and the wallet library are large, and help and mistakes need neither.
    const { openWallet } = await import("../identity.ts");
    const account = await openWallet(config);
    const [{ createLogger }, { runNode }] = await Promise.all([import("../logger.ts"), import("../node.ts")]);
    const log = createLogger({ json: config.json });
    const stop = new AbortController();
    for (const name of ["SIGINT", "SIGTERM"] as const)
      process.on(name, () => {
        // A second signal, or an engine that hangs, does not keep the process.
        if (stop.signal.aborted) process.exit(1);
        stop.abort();
      });
    stop.signal.addEventListener("abort", () => {
      log.info("stopping");
      setTimeout(() => process.exit(1), SHUTDOWN_MS).unref();
    });
    log.info(
      { address: account.address, api: config.apiUrl, engine: config.engine, version: VERSION },
      "starting",
    );
    await runNode(config, account, log, stop);
    log.info("stopped");
  },
);

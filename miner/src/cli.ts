import { Command, type Option } from "commander";
import {
  engineOptions,
  identityOptions,
  jsonOption,
  nameOption,
  type RawOptions,
  resolveConfig,
} from "./config.ts";
import type { Check } from "./doctor.ts";
import { describe, MinerError } from "./errors.ts";
import { jobOptions } from "./jobs/config.ts";
import { VERSION } from "./version.ts";

/** Milliseconds that an orderly end may take before the process just ends. */
const SHUTDOWN_MS = 8_000;

/** Runs the command line. Ends with exit code 1 and one sentence when something is wrong. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("aiforge-miner")
    .description("Serve AI models to the AIForge network and earn for it.")
    .version(VERSION)
    .showHelpAfterError();
  withOptions(program.command("start"), [
    ...identityOptions,
    nameOption,
    ...engineOptions,
    ...jobOptions,
    jsonOption,
  ])
    .description("register this node, fetch the models it serves, answer requests and run jobs")
    .action(start);
  withOptions(program.command("status"), [...identityOptions, ...engineOptions])
    .description("what this node is and has")
    .action(async (raw: RawOptions) => {
      const config = resolveConfig({ ...raw, name: "", engine: "embedded" });
      print(await (await import("./doctor.ts")).status(config));
    });
  withOptions(program.command("doctor"), [...identityOptions, ...engineOptions])
    .description("check everything that a node needs")
    .action(async (raw: RawOptions) => {
      const config = resolveConfig({ ...raw, name: "" });
      print(await (await import("./doctor.ts")).diagnose(config));
    });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    if (error instanceof MinerError && error.hint) process.stderr.write(`${error.hint}\n`);
    process.exitCode = 1;
  }
}

function withOptions(command: Command, options: Option[]): Command {
  for (const option of options) command.addOption(option);
  return command;
}

async function start(raw: RawOptions): Promise<void> {
  const config = resolveConfig(raw);
  // Loaded only now: the engine and the wallet library are large, and help and mistakes need neither.
  const [{ loadAccount }, { createLogger }, { runNode }] = await Promise.all([
    import("./identity.ts"),
    import("./logger.ts"),
    import("./node.ts"),
  ]);
  const log = createLogger({ json: config.json });
  const account = await loadAccount(config.keyFile);
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.on(name, () => {
      // A second signal, or an engine that hangs, does not keep the process.
      if (stop.signal.aborted) process.exit(1);
      log.info("stopping");
      stop.abort();
      setTimeout(() => process.exit(1), SHUTDOWN_MS).unref();
    });
  log.info(
    { address: account.address, api: config.apiUrl, engine: config.engine, version: VERSION },
    "starting",
  );
  await runNode(config, account, log, stop.signal);
  log.info("stopped");
}

function print(checks: Check[]): void {
  const width = Math.max(...checks.map(({ name }) => name.length));
  for (const { name, ok, detail } of checks)
    process.stdout.write(`${ok ? "✔" : "✖"} ${name.padEnd(width)}  ${detail}\n`);
  if (checks.some(({ ok }) => !ok)) process.exitCode = 1;
}

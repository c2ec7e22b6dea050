import { Command } from "commander";
import { benchmark } from "./commands/benchmark.ts";
import { claim } from "./commands/claim.ts";
import { doctor } from "./commands/doctor.ts";
import { drain } from "./commands/drain.ts";
import { earnings } from "./commands/earnings.ts";
import { init } from "./commands/init.ts";
import { start } from "./commands/start.ts";
import { status } from "./commands/status.ts";
import { describe, MinerError } from "./errors.ts";
import { VERSION } from "./version.ts";

/** Runs the command line. Ends with exit code 1 and one sentence when something is wrong. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("aiforge-miner")
    .description("Serve AI models and run jobs for the AIForge network, and earn for it.")
    .version(VERSION)
    .showHelpAfterError();
  for (const command of [init, doctor, benchmark, start, status, earnings, claim, drain])
    program.addCommand(command);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    if (error instanceof MinerError && error.hint) process.stderr.write(`${error.hint}\n`);
    process.exitCode = 1;
  }
}

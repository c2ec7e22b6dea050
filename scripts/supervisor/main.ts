import { HELP, readConfig, type SupervisorConfig } from "./config.ts";
import { forgetState, prepareDataFolder, watchRoom } from "./data-folder.ts";
import { asFailure, Failure } from "./failure.ts";
import { startHouse } from "./house.ts";
import { stopLeftovers } from "./leftovers.ts";
import { lockDataFolder } from "./lock.ts";
import { requireFreePorts } from "./ports.ts";
import { Supervisor } from "./supervisor.ts";

/** A request to stop that is not a failure. */
class StopRequest extends Failure {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super("Stopped.");
    this.exitCode = exitCode;
  }
}

async function main(): Promise<number> {
  let config: SupervisorConfig | null;
  try {
    config = readConfig();
  } catch (error) {
    console.error(asFailure(error).message);
    return 1;
  }
  if (!config) {
    console.log(HELP);
    return 0;
  }
  const supervisor = new Supervisor(config);
  stopOnSignals(supervisor);
  let unlock: (() => Promise<void>) | null = null;
  try {
    await prepareDataFolder(config.dataDir);
    unlock = await lockDataFolder(config.dataDir);
    const left = await stopLeftovers(config.dataDir);
    if (left > 0) console.log(`Stopped ${left} processes that an earlier start had left behind.`);
    if (config.reset) await forgetState(config.dataDir);
    await requireFreePorts(config);
    watchRoom(supervisor);
    await Promise.race([startHouse(supervisor), supervisor.failed]);
    return await supervisor.failed;
  } catch (error) {
    // What broke first says more than what broke because of it, and it may be a moment behind.
    const failure = await Promise.race([
      supervisor.failed.catch(asFailure),
      new Promise<Failure>((resolve) => setTimeout(resolve, 300, asFailure(error))),
    ]);
    if (failure instanceof StopRequest) console.log("\nStopping …");
    // Without the lock the folder's processes are those of another instance.
    if (unlock) await supervisor.stop();
    if (failure instanceof StopRequest) {
      console.log("Stopped. The state is kept; npm start goes on from here.");
      return failure.exitCode;
    }
    console.error(failure.message);
    return 1;
  } finally {
    await unlock?.();
  }
}

function stopOnSignals(supervisor: Supervisor): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => supervisor.fail(new StopRequest(0)));
  }
  // `npm start` itself was killed: there is nobody left to stop this one.
  process.once("disconnect", () => supervisor.fail(new StopRequest(1)));
  process.channel?.unref();
  // The terminal is gone: stopping must not end with an error of its own.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}

process.exit(await main());

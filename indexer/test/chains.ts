import { type ChildProcess, spawn } from "node:child_process";
import { DEMO_ACCOUNTS } from "@aiforge/contracts";
import { anvilPath, testClient } from "../../scripts/testing/chain.ts";
import { freePort } from "../../scripts/testing/postgres.ts";
import { until } from "./support.ts";

/** A chain on a port of its own that can be stopped, killed, and started again from a state file or from nothing. */
export async function restartableChain() {
  const port = await freePort();
  const rpcUrl = `http://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  async function end(signal: NodeJS.Signals) {
    const running = child;
    child = null;
    if (!running || running.exitCode !== null) return;
    await new Promise((resolve) => {
      running.once("exit", resolve);
      running.kill(signal);
    });
  }
  return {
    rpcUrl,
    client: testClient(rpcUrl),
    start: async (stateFile?: string) => {
      const args = ["--port", String(port), "--host", "127.0.0.1", "--hardfork", "prague", "--silent"];
      args.push("--accounts", String(DEMO_ACCOUNTS.length));
      if (stateFile) args.push("--state", stateFile);
      child = spawn(anvilPath(), args, { stdio: "ignore" });
      await until("anvil to answer", () => testClient(rpcUrl).getChainId());
    },
    /** Asks it to stop, which writes the state file. */
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}

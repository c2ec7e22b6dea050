import { setTimeout as sleep } from "node:timers/promises";
import { Option } from "commander";
import { resolveOperator } from "../config.ts";
import { MinerError } from "../errors.ts";
import { nodeCommand } from "./command.ts";

/** Between two looks at what still runs. */
const LOOK_MS = 1_000;

export const drain = nodeCommand<{ stop?: boolean; off?: boolean; wait: boolean }>(
  "drain",
  {
    description: "take no new work, wait for what runs, and say when the node can be stopped",
    options: [
      new Option("--stop", "stop the node then"),
      new Option("--off", "take work again").conflicts("stop"),
      new Option("--no-wait", "do not wait").conflicts(["stop", "off"]),
    ],
  },
  async (raw) => {
    const config = resolveOperator(raw);
    const { json } = config;
    const [{ askRunning, stopRunning }, { printJson, printLine, progress }] = await Promise.all([
      import("../control.ts"),
      import("../output.ts"),
    ]);
    const ask = async (route: Parameters<typeof askRunning>[1]) => {
      const running = await askRunning(config.dataDir, route);
      if (running === null)
        throw new MinerError(`No node runs on ${config.dataDir}.`, {
          hint: "Say which with --data-dir; only the user who started it can drain it.",
        });
      return running;
    };
    if (raw.off) {
      const running = await ask("POST /undrain");
      return json ? printJson(running) : printLine("It takes work again.");
    }
    let running = await ask("POST /drain");
    if (!raw.wait) return json ? printJson(running) : printLine("It takes no new work.");
    const busy = () => running.active + running.attempts.length;
    const left = () => `${running.attempts.length} jobs and ${running.active} requests are left`;
    let stopped = false;
    await progress(
      [
        {
          title: "It takes no new work; what runs is finished",
          task: async (_, task) => {
            for (let before = ""; busy() > 0; running = await ask("POST /drain")) {
              if (left() !== before) task.output = left();
              before = left();
              await sleep(LOOK_MS);
            }
            task.title = "Nothing runs any more";
          },
        },
        {
          title: "Stop",
          enabled: () => raw.stop === true,
          task: async () => {
            await stopRunning(config.dataDir);
            stopped = true;
          },
        },
      ],
      {},
      { json },
    );
    if (json) return printJson({ ...running, safeToStop: true, stopped });
    printLine(
      stopped
        ? "The node has stopped."
        : `It is safe to stop the node now (pid ${running.pid}), or take work again with --off.`,
    );
  },
);

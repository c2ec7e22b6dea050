import { engineOptions, nameOption, resolveConfig } from "../config.ts";
import type { Finding } from "../doctor/finding.ts";
import { jobOptions } from "../jobs/config.ts";
import { nodeCommand } from "./command.ts";

const MARKS = { ok: "✔", warning: "⚠", problem: "✖" } as const;

export const doctor = nodeCommand(
  "doctor",
  {
    description: "check everything that a node needs, each finding with what to do about it",
    options: [nameOption, ...engineOptions, ...jobOptions],
  },
  async (raw) => {
    const config = resolveConfig(raw);
    const [{ checksOf }, { printJson, printLine, progress }] = await Promise.all([
      import("../doctor/checks.ts"),
      import("../output.ts"),
    ]);
    const findings: Finding[] = [];
    const checks = checksOf(config);
    await progress(
      checks.map(({ name, look }, at) => ({
        title: name,
        task: async () => {
          findings[at] = { name, ...(await look()) };
        },
      })),
      {},
      { json: config.json, concurrent: true, live: true },
    );
    const problems = findings.filter(({ state }) => state === "problem").length;
    const warnings = findings.filter(({ state }) => state === "warning").length;
    if (problems > 0) process.exitCode = 1;
    if (config.json) return printJson({ ok: problems === 0, problems, warnings, findings });
    const width = Math.max(...findings.map(({ name }) => name.length));
    for (const { name, state, detail, fix } of findings) {
      printLine(`${MARKS[state]} ${name.padEnd(width)}  ${detail}`);
      if (fix) printLine(`  ${" ".repeat(width)}  → ${fix}`);
    }
    printLine(
      problems > 0
        ? `\n${problems} ${problems === 1 ? "thing is" : "things are"} wrong; the node would not work.`
        : `\nThe node can start${warnings > 0 ? `; ${warnings} ${warnings === 1 ? "thing is" : "things are"} worth a look` : ""}.`,
    );
  },
);

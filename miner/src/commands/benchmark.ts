import { Option } from "commander";
import { engineOptions, resolveOperator, wholeNumber } from "../config.ts";
import { nodeCommand } from "./command.ts";

export const benchmark = nodeCommand<{ model?: string; seconds: string }>(
  "benchmark",
  {
    description: "measure this machine: processors, memory, disk, tokens a second, GPU",
    options: [
      ...engineOptions,
      new Option(
        "--model <file>",
        "a GGUF to generate with (default: one that this node serves, else the demo model)",
      ),
      new Option("--seconds <n>", "how long each thing is measured").default("2"),
    ],
  },
  async (raw) => {
    const config = resolveOperator(raw);
    const [{ measure }, { printJson, printLine, table }] = await Promise.all([
      import("../benchmark/measure.ts"),
      import("../output.ts"),
    ]);
    const seconds = wholeNumber("--seconds", raw.seconds, 1, 60);
    const figures = await measure(config, { model: raw.model ?? null, seconds });
    if (config.json) return printJson(figures);
    const { cpu, memory, disk, tokens, gpus } = figures;
    const fixed = (value: number) =>
      value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
    const rows = [
      ["Processor", cpu.name, ""],
      ["Matrix product, one core", fixed(cpu.single.gflops), "GFLOP/s"],
      [`Matrix product, ${cpu.cores} cores`, fixed(cpu.all.gflops), "GFLOP/s"],
      ["SHA-256, one core", fixed(cpu.single.sha256Mbs), "MB/s"],
      [`SHA-256, ${cpu.cores} cores`, fixed(cpu.all.sha256Mbs), "MB/s"],
      ["Memory, copying", fixed(memory.copyGbs), "GB/s"],
      ["Disk, writing", fixed(disk.writeMbs), "MB/s"],
      [disk.cached ? "Disk, reading (from the cache)" : "Disk, reading", fixed(disk.readMbs), "MB/s"],
      ...(tokens
        ? [
            [`${tokens.model}, on ${tokens.device}`, fixed(tokens.tokensPerSecond), "tokens/s"],
            [`${tokens.model}, first token`, fixed(tokens.firstTokenMs), "ms"],
          ]
        : []),
      ...gpus.map(({ name, memoryTotal }) => [`GPU ${name}`, fixed(memoryTotal / 1024 ** 3), "GiB"]),
      ...(gpus.length === 0 ? [["GPU", "none", ""]] : []),
    ];
    printLine(table(rows));
    if (figures.tokensProblem) printLine(`\nNo tokens were generated: ${figures.tokensProblem}`);
  },
);

import { spawn } from "node:child_process";
import { ROOT } from "../supervisor/config.ts";
import type { Write } from "./lanes.ts";

const PIPES_MS = 10_000;

export interface Command {
  command: string;
  args: string[];
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * Runs a command with its output on the terminal, or given to `write` as it comes.
 * @returns its exit code; 1 when it was killed or does not exist
 */
export function runShown(
  { command, args, cwd = ROOT, env = process.env }: Command,
  write?: Write,
): Promise<number> {
  return new Promise((resolve) => {
    const output = write ? "pipe" : "inherit";
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", output, output] });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => write?.(text));
    }
    child.once("error", (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(1);
    });
    child.once("exit", (code) => {
      // What outlives the command holds its pipes, and is not waited for.
      const late = setTimeout(() => resolve(code ?? 1), PIPES_MS);
      child.once("close", () => {
        clearTimeout(late);
        resolve(code ?? 1);
      });
    });
  });
}

/** Runs a command and keeps its output. */
export function runQuiet({
  command,
  args,
  cwd = ROOT,
  env = process.env,
}: Command): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    child.once("error", (error) => resolve({ code: 1, output: `${command}: ${error.message}` }));
    child.once("close", (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() }));
  });
}

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../../../bin/aiforge-miner.mjs", import.meta.url));

export interface Run {
  child: ChildProcess;
  /** All that it printed so far, to both. */
  output: () => string;
  stdout: () => string;
  exit: Promise<number | null>;
}

/** The command line as a process, in a home of its own. */
export class CommandLine {
  readonly home: string;
  readonly env: Record<string, string>;

  constructor(home: string, env: Record<string, string> = {}) {
    this.home = home;
    this.env = env;
  }

  start(
    args: readonly string[],
    { env = {}, input = "" }: { env?: Record<string, string>; input?: string } = {},
  ): Run {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(AIFORGE|DOCKER|UPSTREAM)/.test(name),
    );
    const child = spawn(process.execPath, [BIN, ...args], {
      env: { ...Object.fromEntries(inherited), HOME: this.home, ...this.env, ...env },
      cwd: this.home,
    });
    let output = "";
    let stdout = "";
    child.stdout.on("data", (data) => {
      output += data;
      stdout += data;
    });
    child.stderr.on("data", (data) => {
      output += data;
    });
    child.stdin.end(input);
    const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
    return { child, output: () => output, stdout: () => stdout, exit };
  }

  async run(
    args: readonly string[],
    options?: { env?: Record<string, string>; input?: string },
  ): Promise<{ output: string; code: number | null }> {
    const { exit, output } = this.start(args, options);
    const code = await exit;
    return { output: output(), code };
  }

  /** Runs with --json. @returns what it printed, and its exit code */
  async json<T>(
    args: readonly string[],
    options?: { env?: Record<string, string> },
  ): Promise<T & { code: number | null }> {
    const { exit, output, stdout } = this.start([...args, "--json"], options);
    const code = await exit;
    try {
      return { ...(JSON.parse(stdout()) as T), code };
    } catch (error) {
      throw new Error(`${args.join(" ")} printed no JSON (code ${code}):\n${output()}`, { cause: error });
    }
  }
}

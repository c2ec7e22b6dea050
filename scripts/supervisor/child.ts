import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { forgetChild, noteChild } from "./leftovers.ts";
import { LogFile } from "./log-file.ts";
import {
  INSTANCE_VARIABLE,
  identify,
  type ProcessIdentity,
  signalGroup,
  waitForEnd,
} from "./process-table.ts";

export interface ChildSpec {
  /** Names the log and the note: lower case, no spaces. */
  name: string;
  /** How a sentence calls it, e.g. "The API". */
  label: string;
  command: string;
  args: string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  stopSignal?: NodeJS.Signals;
  /** How long it may take to stop before it is killed. */
  graceMs?: number;
  /** The others need it: it is stopped after them. */
  foundation?: boolean;
  /** User and group to run as. */
  user?: { uid: number; gid: number } | undefined;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process in a group of its own, with its output in a log of limited size. */
export class Child {
  readonly spec: ChildSpec;
  readonly exited: Promise<Exit>;
  /** Resolves with the reason when its output can no longer be written. */
  readonly logFailed: Promise<unknown>;
  readonly log: LogFile;
  #process: ChildProcess;
  #dataDir: string;
  #identity: ProcessIdentity | null = null;
  #ended = false;
  #startError: Error | null = null;

  private constructor(spec: ChildSpec, dataDir: string) {
    this.spec = spec;
    this.#dataDir = dataDir;
    this.log = new LogFile(join(dataDir, "logs", `${spec.name}.log`));
    this.#process = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: { ...spec.env, [INSTANCE_VARIABLE]: dataDir },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: Ctrl-C reaches the supervisor only, which stops things in order.
      detached: process.platform !== "win32",
      ...spec.user,
    });
    this.logFailed = new Promise((resolve) => {
      const write = (chunk: Buffer) => {
        try {
          this.log.write(chunk);
        } catch (error) {
          resolve(error);
        }
      };
      this.#process.stdout?.on("data", write);
      this.#process.stderr?.on("data", write);
    });
    this.exited = new Promise((resolve) => {
      this.#process.once("error", (error) => {
        this.#startError = error;
        if (this.#process.pid === undefined) resolve({ code: 127, signal: null });
      });
      this.#process.once("exit", (code, signal) => resolve({ code, signal }));
    });
    void this.exited.then(() => {
      this.#ended = true;
    });
  }

  static async start(spec: ChildSpec, dataDir: string): Promise<Child> {
    const child = new Child(spec, dataDir);
    const { pid } = child.#process;
    if (pid !== undefined) {
      child.#identity = await identify(pid);
      await noteChild(dataDir, spec.name, pid, spec.stopSignal ?? "SIGTERM");
    }
    return child;
  }

  get running(): boolean {
    return !this.#ended;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Asks it to stop, waits, then kills its whole group, so that none of its own children stays. */
  async stop(): Promise<void> {
    const { pid } = this.#process;
    if (pid !== undefined) {
      if (this.running) {
        signalGroup(pid, this.spec.stopSignal ?? "SIGTERM");
        await Promise.race([this.exited, sleep(this.spec.graceMs ?? 5_000, undefined, { ref: false })]);
      }
      signalGroup(pid, "SIGKILL");
      if (this.#identity) await waitForEnd([this.#identity], 5_000);
    }
    await forgetChild(this.#dataDir, this.spec.name);
  }

  /** One sentence on how it ended, with what it said last. */
  async epitaph(): Promise<string> {
    const { code, signal } = await this.exited;
    // Its last words are still in the pipe for a moment.
    await sleep(100);
    const how = signal ? `was killed (${signal})` : `stopped by itself (exit code ${code})`;
    const last = this.#startError?.message ?? lastWords(this.log.tail);
    const said = last ? `: ${last}` : "";
    return `${this.spec.label} ${how}${said} (log: ${this.log.file})`;
  }
}

/** The most telling of a log's last lines: the last that names an error, else the very last. */
function lastWords(lines: readonly string[]): string | null {
  const plain = lines.map(readable).filter(Boolean);
  const telling = plain.findLast((line) =>
    /error|fatal|panic|fail|cannot|could not|in use|no space/i.test(line),
  );
  const line = telling ?? plain.at(-1);
  return line ? line.slice(0, 300).replace(/[.\s]+$/, "") : null;
}

/** The message of a line that is a JSON log record; stack frames say nothing. */
function readable(line: string): string {
  if (/^\s*at /.test(line) || /^Node\.js v/.test(line)) return "";
  if (!line.startsWith("{")) return line.trim();
  try {
    const record = JSON.parse(line);
    const cause = record.err?.message;
    // One line, whatever the message is.
    return [record.msg, cause].filter(Boolean).join(" ").replace(/\s+/g, " ");
  } catch {
    return line.trim();
  }
}

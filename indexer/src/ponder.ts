import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { EVM_ROOT, PONDER_BIN } from "./build.ts";
import { oneLine } from "./failure.ts";

/** A running Ponder. */
export interface Ponder {
  /** Resolves with what it last complained about and how it ended, when it ends. */
  exited: Promise<string>;
  /** Asks it to stop, and ends it when it has not after 8 s (it gives itself 5). */
  stop: () => Promise<void>;
  pid: number | undefined;
}

/** What may be asked for beyond warnings; those are needed here (see "Port in use"). */
const LEVELS_BELOW_WARN = ["info", "debug", "trace"];

/** Room for a backfill's batches and Ponder's own cache of rows, with as much again to spare. */
const HEAP_MIB = 384;
const CACHE_BYTES = 64 * 1024 * 1024;

/** Variables that would override what is passed here. */
const OVERRIDES = ["PORT", "DATABASE_SCHEMA", "DATABASE_VIEWS_SCHEMA", "DATABASE_PRIVATE_URL"];

/**
 * Starts Ponder on this build's schema; DATABASE_URL and the chains' variables reach it by the environment.
 * Its warnings and errors are passed to `log`, one line each. A port that is taken ends it: by itself it would
 * move on to the next one, where nobody looks for it.
 */
export function startPonder(options: {
  schema: string;
  port: number;
  log: (line: string) => void;
  root?: string;
}): Ponder {
  const env: NodeJS.ProcessEnv = {
    PONDER_CACHE_BYTES: String(CACHE_BYTES),
    // Ponder brings a whole bundler along; compiled once, it starts in half the time.
    NODE_COMPILE_CACHE: join(EVM_ROOT, ".ponder", "compile-cache"),
    ...process.env,
    PONDER_TELEMETRY_DISABLED: "1",
    NODE_ENV: "production",
  };
  for (const name of OVERRIDES) delete env[name];
  const child = spawn(
    process.execPath,
    [
      // Left alone, the heap of a long-running process grows to a quarter of the machine before it is cleaned.
      `--max-old-space-size=${HEAP_MIB}`,
      // Ponder's use of pg, not ours.
      "--disable-warning=DeprecationWarning",
      ...["--import", new URL("./parent-watch.ts", import.meta.url).href],
      ...[PONDER_BIN, "start", "--root", options.root ?? EVM_ROOT, "--schema", options.schema],
      ...["--port", String(options.port), "--hostname", "127.0.0.1"],
      ...[
        "--log-format",
        "json",
        "--log-level",
        LEVELS_BELOW_WARN.find((level) => level === process.env.PONDER_LOG_LEVEL) ?? "warn",
      ],
    ],
    { env, stdio: ["ignore", "pipe", "pipe", "ipc"] },
  );
  let complaint = "";
  let misplaced = false;
  const read = (line: string) => {
    const { level, text } = parseLine(line);
    if (!text) return;
    if (text.startsWith("Port in use")) {
      misplaced = true;
      child.kill("SIGKILL");
      return;
    }
    if (level === "error" || level === "fatal") complaint = text;
    options.log(`ponder ${level}: ${text}`);
  };
  for (const input of [child.stdout, child.stderr]) if (input) createInterface({ input }).on("line", read);
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(oneLine(error)));
    child.once("close", (code, signal) => {
      if (misplaced) return resolve(`port ${options.port} is in use; set INDEXER_PORT to a free one`);
      const how = signal ? `killed by ${signal}` : `exit code ${code}`;
      resolve(complaint ? `${complaint} (${how})` : how);
    });
  });
  return {
    pid: child.pid,
    exited,
    stop: async () => {
      const timer = setTimeout(() => child.kill("SIGKILL"), 8_000);
      child.kill("SIGTERM");
      await exited;
      clearTimeout(timer);
    },
  };
}

const LEVELS: Record<number, string> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};

/** One line of Ponder's JSON log as text; other output (Node's own warnings, say) passes as it is. */
function parseLine(line: string): { level: string; text: string } {
  try {
    const { level, msg, error, time: _time, ...rest }: Record<string, unknown> = JSON.parse(line);
    const message = typeof error === "object" && error && "message" in error ? `: ${error.message}` : "";
    const details = Object.entries(rest)
      .filter(([, value]) => typeof value === "string" || typeof value === "number")
      .map(([name, value]) => ` ${name}=${value}`)
      .join("");
    const name = typeof level === "number" ? (LEVELS[level] ?? "info") : String(level);
    return { level: name, text: oneLine(`${msg}${message}${details}`) };
  } catch {
    return { level: "output", text: line.trim() };
  }
}

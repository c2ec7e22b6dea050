import { spawn } from "node:child_process";
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

/** Variables that would override what is passed here. */
const OVERRIDES = ["PORT", "DATABASE_SCHEMA", "DATABASE_VIEWS_SCHEMA", "DATABASE_PRIVATE_URL"];

/**
 * Starts Ponder on this build's schema; DATABASE_URL and the chains' variables reach it by the environment.
 * Its warnings and errors are passed to `log`, one line each.
 */
export function startPonder(options: {
  schema: string;
  port: number;
  log: (line: string) => void;
  root?: string;
}): Ponder {
  const env: NodeJS.ProcessEnv = {
    // The default is a fifth of the heap; the mirror's rows need far less.
    PONDER_CACHE_BYTES: String(128 * 1024 * 1024),
    ...process.env,
    PONDER_TELEMETRY_DISABLED: "1",
    NODE_ENV: "production",
  };
  for (const name of OVERRIDES) delete env[name];
  const child = spawn(
    process.execPath,
    [
      // Ponder's use of pg, not ours.
      "--disable-warning=DeprecationWarning",
      ...["--import", new URL("./parent-watch.ts", import.meta.url).href],
      ...[PONDER_BIN, "start", "--root", options.root ?? EVM_ROOT, "--schema", options.schema],
      ...["--port", String(options.port), "--hostname", "127.0.0.1"],
      ...["--log-format", "json", "--log-level", process.env.PONDER_LOG_LEVEL || "warn"],
    ],
    { env, stdio: ["ignore", "pipe", "pipe", "ipc"] },
  );
  let complaint = "";
  const read = (line: string) => {
    const { level, text } = parseLine(line);
    if (!text) return;
    if (level === "error" || level === "fatal") complaint = text;
    options.log(`ponder ${level}: ${text}`);
  };
  for (const input of [child.stdout, child.stderr]) if (input) createInterface({ input }).on("line", read);
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(oneLine(error)));
    child.once("close", (code, signal) => {
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

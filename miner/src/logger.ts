import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

const LEVELS: Record<number, string> = { 20: "debug", 30: "", 40: "warning: ", 50: "error: ", 60: "error: " };

/** One readable line per record, for a person at a terminal. */
function humanLines(): DestinationStream {
  return {
    write(line: string) {
      const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
      const clock = new Date(Number(time)).toTimeString().slice(0, 8);
      const details = Object.entries(rest)
        .map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
        .join("");
      process.stdout.write(`${clock} ${LEVELS[Number(level)] ?? ""}${String(msg)}${details}\n`);
    },
  };
}

/**
 * Logs to standard output: JSON lines, or lines for people. Whatever is named like a secret is removed,
 * in case one is ever passed along by mistake.
 */
export function createLogger(options: { json: boolean; level?: string }): Logger {
  const settings = {
    level: options.level ?? "info",
    base: null,
    redact: { paths: ["key", "token", "*.key", "*.token", "authorization", "*.authorization"], remove: true },
  };
  return options.json ? pino(settings) : pino(settings, humanLines());
}

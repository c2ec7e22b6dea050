import { writeFile } from "node:fs/promises";
import type { Reporter } from "vitest/node";

/** The environment variable that names the file to write. */
export const UNHANDLED_FILE = "AIFORGE_UNHANDLED_FILE";

/** Writes what went wrong outside of any test, as a JSON list of messages: no other report has it. */
export default class Unhandled implements Reporter {
  async onTestRunEnd(
    _modules: unknown,
    errors: readonly { message?: string; stack?: string }[],
  ): Promise<void> {
    const file = process.env[UNHANDLED_FILE];
    if (file) await writeFile(file, JSON.stringify(errors.map(({ message }) => message ?? "unknown error")));
  }
}

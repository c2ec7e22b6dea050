import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Run extends AsyncDisposable {
  exitCode: number | null;
  /** All of stdout, then all of stderr. */
  log: string;
  /** The text of a file in /out. @throws when there is none */
  output(name: string): Promise<string>;
  /** Where a file in /out lies. */
  path(name: string): string;
}

/** An empty folder that goes when its user is done. */
export async function folder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "aiforge-template-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Runs a template's main.mjs as a job does: inputs in one folder, outputs in another, all else in variables. */
export async function runTemplate(parameters: {
  template: "fine-tune" | "batch-inference";
  inputs?: Record<string, Uint8Array | string>;
  env?: Record<string, string>;
  /** Is asked after each piece of output; true sends SIGTERM. */
  terminate?: (log: string) => boolean;
}): Promise<Run> {
  const { template, inputs = {}, env = {}, terminate } = parameters;
  const directory = await folder();
  const [input, output] = [join(directory.path, "in"), join(directory.path, "out")];
  for (const at of [input, output]) await mkdir(at);
  for (const [name, content] of Object.entries(inputs)) {
    await mkdir(dirname(join(input, name)), { recursive: true });
    await writeFile(join(input, name), content);
  }
  const main = fileURLToPath(new URL(`../${template}/main.mjs`, import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: { AIFORGE_INPUT: input, AIFORGE_OUTPUT: output, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [log, errors, terminated] = ["", "", false];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    log += text;
    if (!terminated && terminate?.(log)) terminated = child.kill("SIGTERM");
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const exitCode = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return {
    exitCode,
    log: log + errors,
    path: (name) => join(output, name),
    output: (name) => readFile(join(output, name), "utf8"),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

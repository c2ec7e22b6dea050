// Makes a fresh clone runnable: a Node that is new enough and the dependencies of the lockfile.
// Plain JavaScript without dependencies: it runs before anything is installed, on Node 20 or newer.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

const NODE_VERSION = "24.21.0";
const NODE_MAJOR = 24;

let terminal = process.stdout;

/** A reason to stop that a person can act on; its message is the one sentence they see. */
export class BootstrapError extends Error {
  name = "BootstrapError";
}

/** Prints the sentence of a {@link BootstrapError}, or a whole stack of anything else, and exits with 1. */
export function reportAndExit(error) {
  console.error(error instanceof BootstrapError ? error.message : error);
  process.exit(1);
}

/**
 * Finds or fetches Node 24, then installs the lockfile's dependencies under it when they are not there.
 * @param {{output?: NodeJS.WriteStream}} options where the progress is shown
 * @returns {Promise<{node: string, env: NodeJS.ProcessEnv}>} the Node to run, and the environment that has it first
 * @throws {BootstrapError}
 */
export async function bootstrap({ output = process.stdout } = {}) {
  terminal = output;
  const node = await findNode();
  const env = {
    // What was compiled once is not compiled again: a warm start is seconds shorter.
    NODE_COMPILE_CACHE: join(ROOT, ".cache", "compiled"),
    ...process.env,
    PATH: dirname(node) + delimiter + process.env.PATH,
  };
  await installDependencies(env);
  return { node, env };
}

/** Runs a command with its output on the terminal; resolves with the exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: "inherit", ...options });
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? (signal ? 1 : 0)));
  });
}

async function findNode() {
  if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR) return process.execPath;
  const prefix = join(ROOT, ".node");
  const node = join(prefix, "node_modules", ".bin", process.platform === "win32" ? "node.exe" : "node");
  if ((await nodeVersion(node)) === `v${NODE_VERSION}`) return node;
  await step(`Node ${NODE_VERSION} (this is ${process.version})`, async () => {
    await npm(
      ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", prefix, `node@${NODE_VERSION}`],
      process.env,
      "Node 24 could not be fetched from the npm registry",
    );
    const version = await nodeVersion(node);
    if (version !== `v${NODE_VERSION}`) {
      throw new BootstrapError(
        `Node ${NODE_VERSION} was fetched into .node but does not run here; install Node ${NODE_MAJOR} or newer from https://nodejs.org and start again.`,
      );
    }
  });
  return node;
}

function nodeVersion(node) {
  return new Promise((resolve) => {
    if (!existsSync(node)) return resolve(null);
    const child = spawn(node, ["--version"], { stdio: ["ignore", "pipe", "ignore"] });
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    child.once("error", () => resolve(null));
    child.once("close", () => resolve(text.trim()));
  });
}

async function installDependencies(env) {
  if (await isInstalled()) return;
  await step("Dependencies", async () => {
    await npm(
      ["ci", "--prefer-offline", "--no-audit", "--no-fund"],
      env,
      "The dependencies could not be installed",
    );
  });
}

/**
 * Whether node_modules holds what the lockfile names. npm writes its own list of what it installed when it is done, so
 * an installation that was cut off has none; and an npm that ran under an old Node left out packages of this system,
 * which then are missing from the list.
 */
async function isInstalled() {
  const installed = await readPackages(join(ROOT, "node_modules", ".package-lock.json"));
  if (!installed) return false;
  const wanted = await readPackages(join(ROOT, "package-lock.json"));
  if (!wanted) throw new BootstrapError("package-lock.json cannot be read; check the clone with git status.");
  return Object.entries(wanted).every(([path, { link, version, optional, os, cpu }]) => {
    const found = installed[path];
    if (found) return link || found.version === version;
    if (!path.includes("node_modules/")) return true;
    return optional && !(os?.includes(process.platform) && cpu?.includes(process.arch) && !/musl/.test(path));
  });
}

async function readPackages(file) {
  try {
    return JSON.parse(await readFile(file, "utf8")).packages;
  } catch {
    return null;
  }
}

/** Runs npm quietly; on failure its output is kept in a file and its last error line is quoted. */
async function npm(args, env, failure) {
  const { code, output } = await new Promise((resolve, reject) => {
    const child = spawn("npm", args, {
      cwd: ROOT,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
    const chunks = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    child.once("error", (error) => reject(new BootstrapError(`npm could not be run: ${error.message}.`)));
    child.once("close", (exit) => resolve({ code: exit, output: Buffer.concat(chunks).toString() }));
  });
  if (code === 0) return;
  if (/ENOSPC|no space left/i.test(output)) {
    throw new BootstrapError(`${failure}: the disk is full. Make room and start again.`);
  }
  await mkdir(join(ROOT, ".cache"), { recursive: true });
  const log = join(ROOT, ".cache", "npm.log");
  await writeFile(log, output);
  const reason = output
    .split("\n")
    .filter((line) => /^npm (error|ERR!) (?!code |A complete log)/.test(line))
    .map((line) => line.replace(/^npm \S+ /, "").trim())
    .find(Boolean);
  throw new BootstrapError(`${failure}${reason ? `: ${reason}` : ""} (all of npm's output is in ${log}).`);
}

async function step(title, work) {
  const started = Date.now();
  const tty = terminal.isTTY;
  const seconds = () => ((Date.now() - started) / 1000).toFixed(0);
  terminal.write(tty ? `… ${title}` : `… ${title}\n`);
  const timer = tty && setInterval(() => terminal.write(`\r… ${title} ${seconds()} s`), 1000);
  try {
    await work();
    terminal.write(`${tty ? "\r\u001b[K" : ""}✔ ${title} (${seconds()} s)\n`);
  } catch (error) {
    terminal.write(tty ? "\r\u001b[K" : "");
    throw error;
  } finally {
    clearInterval(timer);
  }
}

import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { engineOptions, identityOptions, nameOption } from "./config.ts";
import { describe, MinerError } from "./errors.ts";
import { jobOptions } from "./jobs/config.ts";
import { KEY_VARIABLE } from "./key-variable.ts";

/** Where a node's settings are when nobody says otherwise. */
export const configOption = new Option(
  "--config <file>",
  "this node's settings, as init writes them; an empty name: none",
)
  .env("AIFORGE_MINER_CONFIG")
  .default(join(homedir(), ".aiforge-miner", "config.json"), "~/.aiforge-miner/config.json");

/** Every option that the settings file may hold, by its name there (`apiUrl` for `--api-url`). */
const settable = new Map(
  [...identityOptions, nameOption, ...engineOptions, ...jobOptions].map((option) => [
    option.attributeName(),
    option,
  ]),
);
/** Settings that are paths: relative ones start at the folder of the settings file. */
const PATHS = new Set(["keyFile", "dataDir"]);

export const isSetting = (name: string): boolean => settable.has(name);

export type Settings = Record<string, string>;

/**
 * Reads a settings file.
 * @returns null when there is none
 * @throws MinerError naming what is wrong in it
 */
export async function readSettings(path: string): Promise<Settings | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new MinerError(`The settings ${path} cannot be read: ${describe(error)}.`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    // Without the piece that it quotes, which may be of a key.
    throw new MinerError(
      `The settings ${path} are not JSON: ${describe(error).replace(/, (?:\.{3})?".*$/s, "")}.`,
    );
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new MinerError(`The settings ${path} are not an object of JSON.`);
  return Object.fromEntries(
    Object.entries(parsed).map(([name, value]) => [name, setting(path, name, value)]),
  );
}

function setting(path: string, name: string, value: unknown): string {
  const option = settable.get(name);
  if (!option)
    throw new MinerError(`${path}: “${name}” is not a setting.`, {
      hint: `There are ${[...settable.keys()].join(", ")}.`,
    });
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
    throw new MinerError(`${path}: ${name} must be a text or a number.`);
  const text = String(value);
  if (option.argChoices && !option.argChoices.includes(text))
    throw new MinerError(`${path}: ${name} must be one of ${option.argChoices.join(", ")}, not “${text}”.`);
  return PATHS.has(name) ? resolve(dirname(path), text) : text;
}

/**
 * Gives a command the settings that neither a flag nor the environment gave it.
 * @throws MinerError when a file that was named is not there, or something in it is wrong
 */
export async function applySettings(command: Command, { writes }: { writes: boolean }): Promise<void> {
  const named: string = command.getOptionValue("config");
  // Whoever starts a node for somebody else says so, lest it takes the settings of this user.
  if (named === "") return;
  const path = resolve(named);
  const settings = await readSettings(path);
  if (settings === null) {
    if (writes || command.getOptionValueSource("config") === "default") return;
    throw new MinerError(`There are no settings at ${path}.`, { hint: "aiforge-miner init writes them." });
  }
  // A wallet is one or the other: a flag for one must not be overruled by a setting for the other.
  const wallet = ["keyFile", "signerUrl"].some((name) => isGiven(command, name)) || process.env[KEY_VARIABLE];
  for (const [name, value] of Object.entries(settings)) {
    if (wallet && ["keyFile", "signerUrl", "signerAddress"].includes(name)) continue;
    const has = command.options.some((option) => option.attributeName() === name);
    if (has && !isGiven(command, name)) command.setOptionValueWithSource(name, value, "config");
  }
}

const isGiven = (command: Command, name: string): boolean =>
  !["default", "config", undefined].includes(command.getOptionValueSource(name));

/** Writes a file for this user alone, whole or not at all. */
export async function writeSettings(path: string, settings: Settings): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path);
}

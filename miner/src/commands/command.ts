import { Command, type Option } from "commander";
import { identityOptions, jsonOption, type RawOptions } from "../config.ts";
import { chainOptions } from "../own-chains.ts";
import { applySettings, configOption } from "../settings.ts";

interface CommandParameters {
  description: string;
  options?: Option[];
  /** Whether it writes the settings, which then need not be there. */
  writes?: boolean;
}

/** A command whose options come from its flags, else from the environment, else from the settings file. */
export function nodeCommand<T extends object = object>(
  name: string,
  { description, options = [], writes = false }: CommandParameters,
  run: (raw: RawOptions & T, command: Command) => Promise<void>,
): Command {
  const command = new Command(name)
    .description(description)
    .showHelpAfterError()
    // What it cannot make sense of, it quotes: an address may have a key in it.
    .configureOutput({ outputError: (text, write) => write(text.replace(/:\/\/[^\s']+/g, "://…")) });
  const all = new Map(
    [configOption, ...identityOptions, ...chainOptions, ...options, jsonOption].map((o) => [o.long, o]),
  );
  for (const option of all.values()) command.addOption(option);
  return command
    .hook("preAction", () => applySettings(command, { writes }))
    .action(() => run(command.opts<RawOptions & T>(), command));
}

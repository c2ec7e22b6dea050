import { join } from "node:path";
import { type Command, Option } from "commander";
import { engineOptions, nameOption, type RawOptions, resolveConfig } from "../config.ts";
import { MinerError } from "../errors.ts";
import { jobOptions } from "../jobs/config.ts";
import { isSetting, type Settings } from "../settings.ts";
import { nodeCommand } from "./command.ts";

type Wallet = "create" | "import" | "signer";

interface InitOptions {
  config: string;
  wallet?: Wallet;
  yes?: boolean;
  force?: boolean;
}

export const init = nodeCommand<InitOptions>(
  "init",
  {
    writes: true,
    description: "write this node's settings and make or import its wallet; asks, or takes flags",
    options: [
      nameOption,
      ...engineOptions,
      ...jobOptions,
      new Option(
        "--wallet <kind>",
        "create a key, import one (from standard input or AIFORGE_MINER_KEY), or use a signer",
      ).choices(["create", "import", "signer"]),
      new Option("-y, --yes", "ask nothing"),
      new Option("--force", "replace settings that are there; a key is never replaced"),
    ],
  },
  async (raw, command) => {
    const [{ initialise }, { printJson, printLine }] = await Promise.all([
      import("../initialise.ts"),
      import("../output.ts"),
    ]);
    const asks = process.stdin.isTTY === true && process.stdout.isTTY === true && !raw.yes && !raw.json;
    const answers = asks ? await interview(raw) : { raw, wallet: raw.wallet ?? null };
    const config = resolveConfig(answers.raw);
    const done = await initialise({
      config,
      path: raw.config,
      wallet: answers.wallet,
      settings: settingsOf(answers.raw, command),
      force: raw.force === true,
      readKey: () => (asks ? askKey() : keyFromInput()),
    });
    if (config.json) return printJson(done);
    printLine(`Wallet    ${done.address}`);
    printLine(
      done.keyFile ? `Key       ${done.keyFile}, readable for you alone` : `Signer    ${config.signerUrl}`,
    );
    printLine(`Settings  ${done.config}`);
    if (done.created)
      printLine(
        "\nCopy the key file to a safe place: it is the only one, and what the node earns goes to this wallet.",
      );
    printLine("\nNext: aiforge-miner doctor, then aiforge-miner start.");
    printLine("A little of the chain's own coin in the wallet pays for claiming what it earned.");
  },
);

/** What is worth keeping: the address of the API, and what was chosen. A default may change with a version. */
function settingsOf(raw: RawOptions, command: Command): Settings {
  const before = command.opts<Record<string, unknown>>();
  const kept: Settings = {};
  for (const [name, value] of Object.entries(raw)) {
    const chosen = value !== before[name] || command.getOptionValueSource(name) !== "default";
    if (typeof value === "string" && isSetting(name) && (chosen || name === "apiUrl")) kept[name] = value;
  }
  return kept;
}

async function interview(raw: RawOptions & InitOptions) {
  const { input, select } = await import("../prompts.ts");
  const url = (text: string) =>
    /^https?:\/\/\S+$/.test(text) || "An address such as https://aiforge.example.";
  const apiUrl = await input("The AIForge API", raw.apiUrl, url);
  const name = await input("This node's name", raw.name, (text) => text.trim() !== "" || "A name.");
  const wallet: Wallet =
    raw.wallet ??
    (raw.signerUrl
      ? "signer"
      : await select("The wallet that is paid", {
          create: "create a new key on this machine",
          import: "import a key that I have",
          signer: "an external signer holds the key (web3signer, clef)",
        }));
  const signerUrl =
    wallet === "signer"
      ? await input("The signer's JSON-RPC", raw.signerUrl ?? "http://127.0.0.1:9000", url)
      : undefined;
  const jobs = await select("Container jobs", {
    auto: "when Docker or Podman runs",
    on: "always: do not start without",
    off: "never: only answer requests to models",
  });
  return { raw: { ...raw, apiUrl, name, jobs, ...(signerUrl ? { signerUrl } : {}) }, wallet };
}

async function askKey(): Promise<string> {
  const { secret } = await import("../prompts.ts");
  return secret(
    "The private key (not shown)",
    (text) => /^(0x)?[0-9a-fA-F]{64}$/.test(text.trim()) || "64 hexadecimal digits.",
  );
}

async function keyFromInput(): Promise<string> {
  if (process.stdin.isTTY)
    throw new MinerError("There is no key to import.", {
      hint: `Hand it over on standard input, or in AIFORGE_MINER_KEY: aiforge-miner init --wallet import < ${join("path", "to", "key")}`,
    });
  const { text } = await import("node:stream/consumers");
  return text(process.stdin);
}

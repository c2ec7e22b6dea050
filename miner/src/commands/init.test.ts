import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CommandLine } from "./testing/run.ts";

const TIMEOUT = 120_000;
/** Nobody is asked while a node is set up. */
const API = "https://aiforge.example";

let home: string;
let cli: CommandLine;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "init-"));
  cli = new CommandLine(home);
});
afterEach(() => rm(home, { recursive: true, force: true }));

const keyFile = () => join(home, ".aiforge-miner", "wallet.key");
const account = async () => privateKeyToAccount((await readFile(keyFile(), "utf8")).trim() as `0x${string}`);

it(
  "makes a wallet and settings that every command reads, and never shows the key",
  async () => {
    const flags = ["--api-url", API, "--name", "the test's", "--gpu", "off", "--jobs", "off"];
    const made = await cli.run(["init", ...flags]);
    expect(made.code, made.output).toBe(0);
    const { address } = await account();
    expect(made.output).toContain(address);
    expect(made.output).not.toContain((await readFile(keyFile(), "utf8")).trim().slice(2));
    const settings = join(home, ".aiforge-miner", "config.json");
    for (const file of [keyFile(), settings]) expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(settings, "utf8"))).toEqual({
      apiUrl: API,
      name: "the test's",
      gpu: "off",
      jobs: "off",
      keyFile: keyFile(),
      dataDir: join(home, ".aiforge-miner"),
    });
    const again = await cli.run(["init", ...flags]);
    expect(again).toEqual({
      code: 1,
      output: `There are settings at ${settings} already.\nEdit them, or write them anew with --force.\n`,
    });
    const anew = await cli.json<{ address: string; created: boolean }>(["init", "--force"]);
    expect(anew).toMatchObject({ code: 0, address, created: false });
    const replaced = await cli.run(["init", "--force", "--wallet", "create"]);
    expect(replaced.output).toContain("it is never replaced");
    expect((await account()).address).toBe(address);
  },
  TIMEOUT,
);

it(
  "imports a key from standard input or the environment",
  async () => {
    const key = generatePrivateKey();
    const { address } = privateKeyToAccount(key);
    for (const [at, options] of [{ input: `${key}\n` }, { env: { AIFORGE_MINER_KEY: key } }].entries()) {
      const dir = join(home, `import-${at}`);
      const args = ["init", "--config", join(dir, "config.json"), "--data-dir", dir, "--wallet", "import"];
      const { code, output } = await cli.run(args, options);
      expect(code, output).toBe(0);
      expect(output).toContain(address);
      expect(output).not.toContain(key.slice(2));
      expect((await stat(join(dir, "wallet.key"))).mode & 0o777).toBe(0o600);
    }
    const dir = join(home, "import-none");
    const args = ["init", "--config", join(dir, "config.json"), "--data-dir", dir, "--wallet", "import"];
    const wrong = await cli.run(args, { input: "my password\n" });
    expect(wrong.code).toBe(1);
    expect(wrong.output).toContain("does not hold a private key");
    expect(wrong.output).not.toContain("my password");
    await expect(stat(dir)).rejects.toThrow("ENOENT");
  },
  TIMEOUT,
);

it(
  "names what is wrong in the settings, and lets flags and the environment win",
  async () => {
    const path = join(home, "broken.json");
    for (const [text, message] of [
      ["{", "are not JSON"],
      ["[]", "are not an object"],
      ['{"colour":"red"}', "“colour” is not a setting"],
      ['{"gpu":"maybe"}', "gpu must be one of auto, off"],
      ['{"apiUrl":["x"]}', "apiUrl must be a text"],
      ['{"apiUrl":"ftp://x"}', "--api-url must be an http or https address"],
    ]) {
      await writeFile(path, text!);
      const { code, output } = await cli.run(["status", "--config", path]);
      expect([code, output]).toEqual([1, expect.stringContaining(message!)]);
    }
    expect((await cli.run(["status", "--config", join(home, "none.json")])).output).toContain(
      "There are no settings",
    );
    expect((await cli.run(["init"])).code).toBe(0);
    await writeFile(path, JSON.stringify({ apiUrl: "http://127.0.0.1:9", keyFile: keyFile() }));
    const shown = async (args: string[], env = {}) =>
      (await cli.json<{ api: string }>(["status", "--config", path, ...args], { env })).api;
    expect(await shown([])).toBe("http://127.0.0.1:9");
    expect(await shown([], { AIFORGE_API_URL: "http://127.0.0.1:10" })).toBe("http://127.0.0.1:10");
    expect(
      await shown(["--api-url", "http://127.0.0.1:11"], { AIFORGE_API_URL: "http://127.0.0.1:10" }),
    ).toBe("http://127.0.0.1:11");
    const key = generatePrivateKey();
    const other = await cli.json<{ address: string; api: string }>(["status"], {
      env: { AIFORGE_MINER_CONFIG: "", AIFORGE_MINER_KEY: key, AIFORGE_API_URL: "http://127.0.0.1:12" },
    });
    expect(other).toMatchObject({ address: privateKeyToAccount(key).address, api: "http://127.0.0.1:12" });
    const own = await cli.json<{ address: string }>(["status", "--config", path], {
      env: { AIFORGE_MINER_KEY: key },
    });
    expect(own.address, "the environment's key before the settings'").toBe(other.address);
  },
  TIMEOUT,
);

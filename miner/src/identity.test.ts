import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadAccount, TokenStore } from "./identity.ts";
import { KEY_VARIABLE } from "./key-variable.ts";

// The well-known account 7 of the local chain.
const KEY = "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356";
const ADDRESS = "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955";
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "identity-"));
});
afterEach(() => rm(dir, { recursive: true }));

describe("loadAccount", () => {
  it("reads a private key file, with or without 0x", async () => {
    const file = join(dir, "key");
    for (const text of [KEY, `${KEY.slice(2)}\n`]) {
      await writeFile(file, text, { mode: 0o600 });
      expect((await loadAccount(file, {})).address).toBe(ADDRESS);
    }
  });

  it.skipIf(process.platform === "win32")("refuses a key file that others may read", async () => {
    const file = join(dir, "key");
    await writeFile(file, KEY);
    for (const mode of [0o644, 0o640, 0o604]) {
      await chmod(file, mode);
      await expect(loadAccount(file, {})).rejects.toMatchObject({ hint: `chmod 600 ${file}` });
    }
  });

  it("takes the key from the environment and removes it there", async () => {
    const env: Record<string, string | undefined> = { [KEY_VARIABLE]: KEY };
    expect((await loadAccount(null, env)).address).toBe(ADDRESS);
    expect(KEY_VARIABLE in env).toBe(false);
  });

  it("says what is missing or wrong, and never repeats the key", async () => {
    await expect(loadAccount(null, {})).rejects.toThrow("No wallet key.");
    await expect(loadAccount(join(dir, "none"), {})).rejects.toThrow(/does not exist/);
    for (const wrong of ["0x1234", `${KEY}00`, "f".repeat(64), "0".repeat(64)]) {
      const error = await loadAccount(null, { [KEY_VARIABLE]: wrong }).catch((thrown: Error) => thrown);
      expect(error).toBeInstanceOf(Error);
      expect(String(error)).not.toContain(wrong);
    }
  });
});

describe("TokenStore", () => {
  it("keeps one token for each API and wallet, readable by its owner alone", async () => {
    const here = new TokenStore(dir, "http://localhost:3000", ADDRESS);
    const there = new TokenStore(dir, "https://aiforge.example", ADDRESS);
    expect(await here.read()).toBeNull();
    await here.write("one");
    await there.write("two");
    expect([await here.read(), await there.read()]).toEqual(["one", "two"]);
    for (const name of await readdir(join(dir, "tokens"))) {
      const path = join(dir, "tokens", name);
      expect((await readFile(path, "utf8")).length).toBe(4);
      if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
  });
});

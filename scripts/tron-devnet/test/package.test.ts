import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test, vi } from "vitest";

vi.setConfig({ testTimeout: 180_000 });

const run = promisify(execFile);
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Where a dependency is, here or at the root of the workspaces. */
const installed = (name: string) =>
  import.meta.resolve(name).replace(new RegExp(`(/node_modules/${name}/).*`), "$1");

test("the package that is published runs below node_modules, and so does its README's script", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tron-devnet-package-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const target = join(folder, "node_modules/@aiforge/tron-devnet");
  await run(process.execPath, [here("../build.ts"), target]);
  const manifest = JSON.parse(await readFile(join(target, "package.json"), "utf8"));
  expect(manifest).not.toHaveProperty("private");
  expect(manifest).toMatchObject({ license: "MIT", engines: { node: expect.any(String) } });
  for (const name of [...Object.keys(manifest.dependencies), "tronweb"]) {
    const link = join(folder, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(fileURLToPath(installed(name)), link);
  }

  const readme = await readFile(join(target, "README.md"), "utf8");
  const script = /^```js\n(.*?)^```/ms.exec(readme)?.[1] as string;
  await writeFile(join(folder, "readme.mjs"), script);
  const { stdout } = await run(process.execPath, ["readme.mjs"], { cwd: folder });
  expect(stdout).toMatch(/blockNumber: \d+/);
  expect(stdout.trim().split("\n").at(-1)).toBe("1000000");

  const help = await run(process.execPath, [join(target, manifest.bin["tron-devnet"]), "--help"]);
  expect(help.stdout).toContain("--block-time");
});

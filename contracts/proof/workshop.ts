import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createHardhatRuntimeEnvironment, importUserConfig } from "hardhat/hre";
import type { HardhatRuntimeEnvironment } from "hardhat/types/hre";
import type { SolidityTestProfileUserConfig } from "hardhat/types/test";
import solc from "solc";
import { COMPILER } from "../compiler.ts";
import { isNode, type Node } from "./ast.ts";
import type { Source } from "./mutants.ts";

const TARGET = "AIForge";
const SOURCES = "contracts/solidity";
const ARTIFACT = `contracts/artifacts/${SOURCES}/${TARGET}.sol/${TARGET}.json`;
const { resolve: resolvePackage } = createRequire(import.meta.url);

/** Faster than what is released, in the order to be tried: the first needs no optimizer, but runs out of stack early. */
const QUICK = [
  { viaIR: false, optimizer: { enabled: false } },
  { viaIR: true, optimizer: { enabled: false } },
] as const;

export type Settings = (typeof QUICK)[number] | typeof COMPILER.settings;

interface Output {
  errors?: { severity: string; formattedMessage: string }[];
  sources?: Record<string, { ast?: unknown }>;
  contracts?: Record<string, Record<string, { evm: { bytecode: { object: string } } }>>;
}

export interface Outcome {
  passed: number;
  /** "file: test" of what failed. */
  failed: string[];
}

/** Reads a source by the name it is imported by. */
function readFrom(root: string): (path: string) => string {
  return (path) =>
    readFileSync(path.startsWith("@") ? resolvePackage(path) : join(root, SOURCES, path), "utf8");
}

function compileWith(settings: object, read: (path: string) => string): Output {
  const target = `${TARGET}.sol`;
  const input = { language: "Solidity", sources: { [target]: { content: read(target) } }, settings };
  const imports = { import: (path: string) => ({ contents: read(path) }) };
  return JSON.parse(solc.compile(JSON.stringify(input), imports));
}

/**
 * The contract's creation code.
 * @param changed contents to take instead of files, by name.
 * @returns undefined where it does not compile.
 */
export function bytecodeOf(
  root: string,
  settings: Settings,
  changed: Record<string, string> = {},
): string | undefined {
  const read = readFrom(root);
  const selected = { outputSelection: { [`${TARGET}.sol`]: { [TARGET]: ["evm.bytecode.object"] } } };
  const all = {
    evmVersion: COMPILER.settings.evmVersion,
    metadata: COMPILER.settings.metadata,
    ...settings,
    ...selected,
  };
  const code = compileWith(all, (path) => changed[path] ?? read(path)).contracts?.[`${TARGET}.sol`]?.[TARGET];
  return code && `0x${code.evm.bytecode.object}`;
}

/** What the contract consists of, by the names that imports resolve to. */
export function sourcesOf(root: string): Record<string, Source> {
  const read = readFrom(root);
  const output = compileWith({ outputSelection: { "*": { "": ["ast"] } } }, read);
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  const parsed = Object.entries(output.sources ?? {});
  return Object.fromEntries(
    parsed.flatMap(([path, { ast }]): [string, { content: string; ast: Node }][] =>
      isNode(ast) ? [[path, { content: read(path), ast }]] : [],
    ),
  );
}

/** How a checkout runs its tests. */
async function testingOf(root: string): Promise<SolidityTestProfileUserConfig> {
  const path = join(root, "hardhat.config.ts");
  if (!existsSync(path)) return { fsPermissions: { readDirectory: ["contracts/artifacts"] } };
  const testing = (await importUserConfig(path)).test?.solidity ?? {};
  return "profiles" in testing ? (testing.profiles.default ?? {}) : testing;
}

/** A copy of the contracts in which the bytecode that the tests deploy is replaced. */
export class Workshop {
  readonly settings: Settings;
  readonly #root: string;
  readonly #hre: HardhatRuntimeEnvironment;

  private constructor(root: string, settings: Settings, hre: HardhatRuntimeEnvironment) {
    this.#root = root;
    this.settings = settings;
    this.#hre = hre;
  }

  /**
   * @param root the checkout to copy from.
   * @param folder where to copy to; emptied first.
   * @param runs of each fuzz test.
   */
  static async open(root: string, folder: string, runs: number): Promise<Workshop> {
    const settings = QUICK.find((one) => bytecodeOf(root, one) !== undefined);
    if (!settings) throw new Error("The contract does not compile");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, "contracts"), { recursive: true });
    for (const part of ["solidity", "test", "src"]) {
      const from = join(root, "contracts", part);
      if (existsSync(from)) cpSync(from, join(folder, "contracts", part), { recursive: true });
    }
    cpSync(join(root, "package.json"), join(folder, "package.json"));
    symlinkSync(resolve(root, "node_modules"), join(folder, "node_modules"));

    const compiler = { version: COMPILER.version, path: resolvePackage("solc/soljson.js") };
    const evmVersion = COMPILER.settings.evmVersion;
    const hre = await createHardhatRuntimeEnvironment(
      {
        solidity: {
          compilers: [{ ...compiler, settings: { evmVersion } }],
          overrides: { [`${SOURCES}/${TARGET}.sol`]: { ...compiler, settings: { evmVersion, ...settings } } },
        },
        paths: {
          sources: SOURCES,
          tests: { solidity: "contracts/test" },
          artifacts: "contracts/artifacts",
          cache: "contracts/cache",
        },
        test: {
          solidity: {
            ...(await testingOf(root)),
            // An endless loop ends. The same seed for each: whether a mutant is killed must not depend on luck.
            gasLimit: 300_000_000n,
            fuzz: { runs, seed: "0x5eed" },
          },
        },
      },
      {},
      folder,
    );
    await hre.tasks.getTask("build").run({ quiet: true });
    return new Workshop(folder, settings, hre);
  }

  /** From now on the tests deploy this. */
  install(bytecode: string): void {
    const path = join(this.#root, ARTIFACT);
    const artifact: Record<string, unknown> = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify({ ...artifact, bytecode }));
  }

  /** Runs test files ("Ledger.t.sol"); those that do not exist are left out. */
  async test(files: string[]): Promise<Outcome> {
    const testFiles = files
      .map((file) => join(this.#root, "contracts/test", file))
      .filter((file) => existsSync(file));
    if (testFiles.length === 0) return { passed: 0, failed: [] };
    const result: unknown = await this.#hre.tasks
      .getTask(["test", "solidity"])
      .run({ noCompile: true, testFiles });
    const tests = suitesOf(result).flatMap(({ id, testResults }) =>
      testResults.map(({ name, status }) => ({ name: `${id.name}: ${name}`, status })),
    );
    return {
      passed: tests.filter(({ status }) => status === "Success").length,
      failed: tests.filter(({ status }) => status === "Failure").map(({ name }) => name),
    };
  }
}

interface Suite {
  id: { name: string };
  testResults: { name: string; status: string }[];
}

/** The suites of a run, whether it passed or failed: Hardhat gives no type for what its task returns. */
function suitesOf(result: unknown): Suite[] {
  const { value, error } = result as { value?: { suiteResults: Suite[] }; error?: { suiteResults: Suite[] } };
  const suites = (value ?? error)?.suiteResults;
  if (!suites) throw new Error("The test run gave no results");
  return suites;
}

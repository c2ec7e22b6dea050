import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import solc from "solc";
import type { Abi, Hex } from "viem";
import { COMPILER } from "../compiler.ts";

export interface Compiled {
  abi: Abi;
  bytecode: Hex;
}

interface SolcOutput {
  sources?: Record<string, unknown>;
  errors?: { severity: string; formattedMessage: string }[];
  contracts?: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>;
}

const SOURCES = fileURLToPath(new URL("../solidity/", import.meta.url));
const resolve = createRequire(import.meta.url).resolve;

/**
 * Compiles contracts under `contracts/solidity` with the `solc` package, offline. Each on its own: the code of one must
 * not depend on what else is compiled with it, or nobody could verify it.
 * @param files paths under that folder, each holding one contract of the same name.
 * @returns ABI and creation bytecode by contract name.
 * @throws Error with the compiler's own messages.
 */
export function compile(files: string[]): Record<string, Compiled> {
  return Object.fromEntries(
    files.map((file) => {
      const name = file.replace(/^.*\//, "").replace(/\.sol$/, "");
      const contract = solcOutput(file).contracts?.[file]?.[name];
      if (!contract) throw new Error(`${file} holds no contract ${name}`);
      return [name, { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` as Hex }];
    }),
  );
}

/**
 * The compiler's standard JSON input for one file, with the text of everything that it imports: what a block explorer
 * asks for.
 */
export function standardInput(file: string) {
  // Without a wish for output the compiler only reads.
  const imported = Object.keys(solcOutput(file, {}).sources ?? {});
  return inputOf(imported);
}

const read = (path: string) => readFileSync(path.startsWith("@") ? resolve(path) : SOURCES + path, "utf8");

const WANTED = { "*": { "*": ["abi", "evm.bytecode.object"] } };

function inputOf(files: string[], outputSelection: object = WANTED) {
  return {
    language: "Solidity",
    sources: Object.fromEntries(files.map((file) => [file, { content: read(file) }])),
    settings: {
      ...COMPILER.settings,
      outputSelection,
    },
  };
}

function solcOutput(file: string, outputSelection?: object): SolcOutput {
  const output: SolcOutput = JSON.parse(
    solc.compile(JSON.stringify(inputOf([file], outputSelection)), {
      import: (path: string) => ({ contents: read(path) }),
    }),
  );
  const errors = output.errors?.filter(({ severity }) => severity === "error") ?? [];
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  return output;
}

import { createRequire } from "node:module";
import { defineConfig } from "hardhat/config";
import { COMPILER, RELEASED } from "./contracts/compiler.ts";

const compiler = {
  version: COMPILER.version,
  path: createRequire(import.meta.url).resolve("solc/soljson.js"),
};

const testing = {
  fsPermissions: {
    readDirectory: ["contracts/artifacts"],
    readFile: ["contracts/src/permit2Bytecode.ts"],
  },
  fuzz: { runs: 256 },
  invariant: { runs: 32, depth: 128, failOnRevert: true },
};

/** Compiles offline with the `solc` package; tests are written in Solidity. */
export default defineConfig({
  solidity: {
    // The tests: they deploy what is released, and would take minutes to optimise themselves.
    compilers: [{ ...compiler, settings: { evmVersion: COMPILER.settings.evmVersion } }],
    overrides: Object.fromEntries(
      RELEASED.map((file) => [`contracts/solidity/${file}`, { ...compiler, settings: COMPILER.settings }]),
    ),
  },
  paths: {
    sources: "contracts/solidity",
    tests: { solidity: "contracts/test" },
    artifacts: "contracts/artifacts",
    cache: "contracts/cache",
  },
  test: {
    solidity: {
      profiles: {
        default: testing,
        // Every call a transaction of its own, with all that a transaction costs. Slower.
        gas: { ...testing, isolate: true },
      },
    },
  },
});

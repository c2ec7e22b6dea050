import { createRequire } from "node:module";
import { defineConfig } from "hardhat/config";
import { COMPILER, RELEASED } from "./contracts/compiler.ts";

const compiler = {
  version: COMPILER.version,
  path: createRequire(import.meta.url).resolve("solc/soljson.js"),
};

const fast = { evmVersion: COMPILER.settings.evmVersion };

/** Tests that make a million calls: worth optimising. */
const REPEATED = ["Handler.sol", "Invariants.t.sol", "InvariantsReach.t.sol"];

const testing = {
  fsPermissions: {
    readDirectory: ["contracts/artifacts"],
    readFile: ["contracts/src/permit2Bytecode.ts"],
  },
  fuzz: { runs: 256 },
  invariant: { runs: 1024, depth: 64, failOnRevert: true },
};

/** Compiles offline with the `solc` package; tests are written in Solidity. */
export default defineConfig({
  solidity: {
    // The tests: they deploy what is released, and would take minutes to optimise themselves.
    compilers: [{ ...compiler, settings: fast }],
    overrides: Object.fromEntries(
      [
        ...RELEASED.map((file) => [`solidity/${file}`, COMPILER.settings] as const),
        ...REPEATED.map(
          (file) => [`test/${file}`, { ...fast, optimizer: { enabled: true, runs: 200 } }] as const,
        ),
      ].map(([file, settings]) => [`contracts/${file}`, { ...compiler, settings }]),
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

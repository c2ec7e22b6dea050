import { createRequire } from "node:module";
import { defineConfig } from "hardhat/config";
import { COMPILER } from "./contracts/compiler.ts";

/** Compiles offline with the `solc` package; tests are written in Solidity. */
export default defineConfig({
  solidity: {
    version: COMPILER.version,
    path: createRequire(import.meta.url).resolve("solc/soljson.js"),
    settings: COMPILER.settings,
  },
  paths: {
    sources: "contracts/solidity",
    tests: { solidity: "contracts/test" },
    artifacts: "contracts/artifacts",
    cache: "contracts/cache",
  },
});

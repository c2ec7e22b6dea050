/** How the contracts are compiled: by Hardhat for the tests, and by `scripts/generate.ts` for what is deployed. */
export const COMPILER = {
  version: "0.8.37",
  settings: {
    // The newest EVM that runs both on Ethereum and on Tron.
    evmVersion: "cancun",
    viaIR: true,
    // As far towards cheap calls as the 24,576 bytes of a contract allow (EIP-170).
    optimizer: { enabled: true, runs: 300 },
    // Without metadata the bytecode depends on the code alone, not on comments or file names.
    metadata: { bytecodeHash: "none", appendCBOR: false },
  },
} as const;

/** The files under `contracts/solidity` that hold a contract to deploy, each of the file's name. */
export const RELEASED = ["AIForge.sol", "dev/TetherEthereum.sol", "dev/TetherTron.sol"];

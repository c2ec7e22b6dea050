import type { Address } from "viem";

/** Where the contract and its USDT live on one chain. */
export interface Deployment {
  aiforge: Address;
  usdt: Address;
  /** The first block that can hold an event of the contract's. */
  startBlock: number;
}

/** The local chain's id. The only one where the demo accounts and the faucet exist. */
export const LOCAL_CHAIN_ID = 31_337;

/** The local Tron's id (`scripts/tron-devnet`), as in `tron:0x74646576`. No other chain has it. */
export const LOCAL_TRON_ID = 0x7464_6576;

/** Deployments by EVM chain id. The local one follows from the deployer's address and its nonces 0 and 1. */
export const deployments: Readonly<Record<number, Deployment>> = {
  [LOCAL_CHAIN_ID]: {
    usdt: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    aiforge: "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
    startBlock: 0,
  },
};

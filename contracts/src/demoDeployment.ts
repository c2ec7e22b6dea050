import { type Address, encodeDeployData, type Hex } from "viem";
import { aiforgeAbi } from "./compiled/aiforgeAbi.ts";
import { aiforgeBytecode } from "./compiled/aiforgeBytecode.ts";
import { type DemoAccount, demoAccount } from "./demoAccounts.ts";

const USDT = 1_000_000n;

/** Micro-USDT that the demo accounts begin with, on every local chain. */
export const DEMO_USDT: readonly [role: DemoAccount["role"], amount: bigint][] = [
  ["faucet", 10_000_000n * USDT],
  ["creator", 10_000n * USDT],
  ["customer", 10_000n * USDT],
  ["spare", 10_000n * USDT],
];

const ADMIN_DELAY_SECONDS = 86_400;

/**
 * What creates AIForge on a local chain, run by the demo accounts.
 * @param permit2 the zero address where there is none
 */
export const demoDeployData = ({ usdt, permit2 }: { usdt: Address; permit2: Address }): Hex =>
  encodeDeployData({
    abi: aiforgeAbi,
    bytecode: aiforgeBytecode,
    args: [
      usdt,
      permit2,
      demoAccount("deployer").address,
      demoAccount("operator").address,
      demoAccount("treasury").address,
      ADMIN_DELAY_SECONDS,
    ],
  });

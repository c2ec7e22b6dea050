import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Address, encodeAbiParameters, type Hex } from "viem";
import { COMPILER } from "../compiler.ts";
import { aiforgeAbi } from "../src/index.ts";
import { standardInput } from "./compile.ts";
import type { DeployPlan } from "./deployPlan.ts";

/**
 * Writes what a block explorer wants to see to verify AIForge: `standard-input.json` for the compiler, and
 * `verification.json` with compiler, contract and constructor arguments.
 * @returns the folder that holds them.
 */
export function writeVerification(
  folder: string,
  {
    chainId,
    address,
    hash,
    args,
  }: { chainId: number; address: Address; hash: Hex; args: DeployPlan["args"] },
): string {
  const { inputs } = aiforgeAbi.find(({ type }) => type === "constructor") as Extract<
    (typeof aiforgeAbi)[number],
    { type: "constructor" }
  >;
  const place = join(folder, String(chainId), address);
  const write = (name: string, value: unknown) =>
    writeFileSync(join(place, name), `${JSON.stringify(value, null, 2)}\n`);
  mkdirSync(place, { recursive: true });
  write("standard-input.json", standardInput("AIForge.sol"));
  write("verification.json", {
    address,
    transaction: hash,
    compiler: COMPILER.version,
    contract: "AIForge.sol:AIForge",
    constructorArguments: encodeAbiParameters(inputs, args),
  });
  return place;
}

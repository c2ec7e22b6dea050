import {
  aiforgeBytecode,
  type Deployment,
  demoDeployData,
  deployments,
  LOCAL_CHAIN_ID,
  PERMIT2,
  showTronAddress,
} from "@aiforge/contracts";
import type { LocalTron } from "@aiforge/contracts/localTron";
import { tronNode } from "@aiforge/contracts/tron";
import { type Address, createPublicClient, type Hex, http, keccak256 } from "viem";

/**
 * Holds what was deployed on both local chains to each other.
 * @param tronUrl of the local Tron
 * @param rpcUrl of the local EVM chain; null where there is none
 * @returns a sentence with the hash of the code that AIForge was created with
 */
export async function compareBytecode(
  tronUrl: string,
  { aiforge }: LocalTron,
  rpcUrl: string | null,
): Promise<string> {
  const at = `AIForge at ${showTronAddress(aiforge)}`;
  const onTron = await createdWith(tronUrl, aiforge);
  const hash = keccak256(onTron);
  if (!rpcUrl) return `${at}, bytecode ${hash}`;
  const same = hash === keccak256(aiforgeBytecode) && (await isOnEvm(rpcUrl));
  return `${at}, ${same ? "the same bytecode as" : "another bytecode than"} on the EVM chain, Keccak-256 ${hash}`;
}

/** What a node keeps of how a contract was made, without what its constructor took. */
async function createdWith(url: string, address: Address): Promise<Hex> {
  const contract = (await tronNode(url)("wallet/getcontract", { value: `41${address.slice(2)}` })) as {
    bytecode?: string;
  };
  return `0x${(contract.bytecode ?? "").slice(0, aiforgeBytecode.length - 2)}`;
}

/** Whether running our bytecode there makes the very code that is there: an EVM node keeps no more than that. */
async function isOnEvm(rpcUrl: string): Promise<boolean> {
  const { aiforge, usdt } = deployments[LOCAL_CHAIN_ID] as Deployment;
  const client = createPublicClient({ transport: http(rpcUrl) });
  const data = demoDeployData({ usdt, permit2: PERMIT2 });
  const [made, there] = await Promise.all([client.call({ data }), client.getCode({ address: aiforge })]);
  return made.data !== undefined && made.data === there;
}

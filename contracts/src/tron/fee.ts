import type { Client, Hex } from "viem";
import { chainParameters, estimateEnergy, nodeAddress } from "./calls.ts";
import { askTron, numberOf, objectOf } from "./node.ts";

/** Of a call without its data: its other fields, a signature, and what a node adds for the result. */
const BYTES_BESIDES_DATA = 340;

export interface TronFee {
  energy: bigint;
  /** What the sender pays as things are: energy and bytes that it has no allowance for. Sun. */
  feeSun: bigint;
  /** What to allow for energy: 1.3 times the whole, as prices and the contract's state move. Sun. */
  feeLimitSun: bigint;
}

/**
 * What a call costs, always asked of the node.
 * @throws viem's errors: with the contract's when it refuses the call, or when the node does not answer
 */
export async function estimateTronFee(call: {
  client: Client | string;
  from: string;
  to: string;
  data: Hex;
}): Promise<TronFee> {
  const ask = askTron(call.client);
  const [energy, parameter, resources] = await Promise.all([
    estimateEnergy(ask, call),
    chainParameters(ask),
    ask("wallet/getaccountresource", { address: nodeAddress(call.from), visible: false }),
  ]);
  const has = objectOf(resources, "account's resources");
  const left = (limit: string, used: string) =>
    BigInt(Math.max(0, numberOf(has[limit]) - numberOf(has[used])));
  const bytes = BigInt(BYTES_BESIDES_DATA + (call.data.length - 2) / 2);
  const bandwidthFree = left("NetLimit", "NetUsed") >= bytes || left("freeNetLimit", "freeNetUsed") >= bytes;
  const staked = left("EnergyLimit", "EnergyUsed");
  const price = parameter("getEnergyFee");
  const paid = energy > staked ? energy - staked : 0n;
  return {
    energy,
    feeSun: paid * price + (bandwidthFree ? 0n : bytes * parameter("getTransactionFee")),
    feeLimitSun: (energy * price * 13n + 9n) / 10n,
  };
}

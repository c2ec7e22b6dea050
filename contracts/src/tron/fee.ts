import type { Client, Hex } from "viem";
import { chainParameters, estimateEnergy, nodeAddress } from "./calls.ts";
import { askTron, numberOf, objectOf } from "./node.ts";

/** Of a call without its data: its other fields, a signature, and what a node adds for the result. */
const BYTES_BESIDES_DATA = 340;
/** The code of an error of JSON-RPC that is the contract's. */
const REVERTED = 3;

export interface TronFee {
  energy: bigint;
  /** What the sender pays as things are: energy and bytes that it has no allowance for. Sun. */
  feeSun: bigint;
  /** With all that it is allowed, and its bytes paid for: the limit is of energy alone. Sun. */
  mostSun: bigint;
  /** What to allow for energy: 1.3 times the whole, as prices and the contract's state move. Sun. */
  feeLimitSun: bigint;
}

interface Calls {
  client: Client | string;
  from: string;
}

/**
 * What a call costs, always asked of the node.
 * @throws viem's errors: with the contract's when it refuses the call, or when the node does not answer
 */
export async function estimateTronFee({
  client,
  from,
  ...call
}: Calls & { to: string; data: Hex }): Promise<TronFee> {
  const [fee] = await estimateTronFees({ client, from, calls: [call] });
  return fee as TronFee;
}

/**
 * What calls in a row cost, each with the allowances that those before leave it.
 * @returns null for one after the first that the contract refuses as long as those before it are not on the chain:
 * what it takes cannot be known yet
 * @throws viem's errors: with the contract's when it refuses the first call, or when the node does not answer
 */
export async function estimateTronFees({
  client,
  from,
  calls,
}: Calls & { calls: readonly { to: string; data: Hex }[] }): Promise<(TronFee | null)[]> {
  const ask = askTron(client);
  const [energies, parameter, resources] = await Promise.all([
    Promise.all(
      calls.map(({ to, data }, at) =>
        estimateEnergy(ask, { from, to, data }).catch((error: unknown) => {
          if (at > 0 && (error as { code?: unknown }).code === REVERTED) return null;
          throw error;
        }),
      ),
    ),
    chainParameters(ask),
    ask("wallet/getaccountresource", { address: nodeAddress(from), visible: false }),
  ]);
  const has = objectOf(resources, "account's resources");
  const left = (limit: string, used: string) =>
    BigInt(Math.max(0, numberOf(has[limit]) - numberOf(has[used])));
  const price = parameter("getEnergyFee");
  let staked = left("EnergyLimit", "EnergyUsed");
  const allowances = [left("NetLimit", "NetUsed"), left("freeNetLimit", "freeNetUsed")];
  return calls.map(({ data }, at) => {
    const bytes = BigInt(BYTES_BESIDES_DATA + (data.length - 2) / 2);
    // One allowance pays for all of a transaction's bytes, or none does.
    const free = allowances.findIndex((allowance) => allowance >= bytes);
    if (free >= 0) allowances[free] = (allowances[free] as bigint) - bytes;
    const energy = energies[at] ?? null;
    if (energy === null) return null;
    const bytesSun = bytes * parameter("getTransactionFee");
    const paid = energy > staked ? energy - staked : 0n;
    staked -= energy - paid;
    const feeLimitSun = (energy * price * 13n + 9n) / 10n;
    return {
      energy,
      feeSun: paid * price + (free >= 0 ? 0n : bytesSun),
      mostSun: feeLimitSun + bytesSun,
      feeLimitSun,
    };
  });
}

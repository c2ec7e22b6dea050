import { aiforgeAbi, deployments } from "@aiforge/contracts";
import {
  type Address,
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  http,
  isAddress,
} from "viem";
import { isPayable, openChain } from "./chain-node.ts";
import type { Config } from "./config.ts";
import { describe, MinerError } from "./errors.ts";
import type { NodeApi } from "./node-api.ts";

/** A chain on which jobs are paid. */
export type PayChain = Awaited<ReturnType<typeof payChains>>[number];

/**
 * The chains on which a node's wallet can have credit: as the API lists them, or, while that is away, the one that
 * `--rpc-url` leads to.
 * @throws MinerError when there is neither
 */
export async function payChains(config: Pick<Config, "jobs">, api: NodeApi) {
  const { rpcUrl } = config.jobs;
  const own = rpcUrl === null ? null : { rpcUrl, id: await chainIdOf(rpcUrl) };
  let listed: { chainId: number; name: string; rpcUrl: string; aiforge: string; chain: string }[];
  try {
    listed = await api.chains();
  } catch (error) {
    const known = own && deployments[own.id];
    if (!own || !known) throw error;
    listed = [
      { chainId: own.id, chain: `eip155:${own.id}`, name: `Chain ${own.id}`, rpcUrl: own.rpcUrl, ...known },
    ];
  }
  return listed
    .filter(({ chain, aiforge }) => isPayable(chain) && isAddress(aiforge, { strict: false }))
    .map((each) => ({
      chain: each.chain,
      name: each.name,
      // What the network itself says of its contract counts for less than what this program was made with.
      aiforge: deployments[each.chainId]?.aiforge ?? (each.aiforge as Address),
      ...openChain({
        ...each,
        url: own?.id === each.chainId ? own.rpcUrl : new URL(each.rpcUrl, api.url).href,
      }),
    }));
}

async function chainIdOf(rpcUrl: string): Promise<number> {
  try {
    return await createPublicClient({
      transport: http(rpcUrl, { timeout: 10_000, retryCount: 1 }),
    }).getChainId();
  } catch (error) {
    throw chainError(error);
  }
}

/** Micro-USDT that the contract holds for a wallet. */
export async function creditOf({ reader, aiforge }: PayChain, address: Address): Promise<bigint> {
  try {
    return await reader.readContract({
      address: aiforge,
      abi: aiforgeAbi,
      functionName: "creditOf",
      args: [address],
    });
  } catch (error) {
    throw chainError(error);
  }
}

/** An error of the chain in one sentence. */
export function chainError(error: unknown): MinerError {
  if (error instanceof MinerError) return error;
  if (!(error instanceof BaseError)) return new MinerError(describe(error), { cause: error });
  const inner = error.walk((each) => each instanceof MinerError);
  if (inner instanceof MinerError) return inner;
  const reverted = error.walk((each) => each instanceof ContractFunctionRevertedError);
  if (reverted instanceof ContractFunctionRevertedError)
    return new MinerError(`The contract refuses: ${reverted.data?.errorName ?? reverted.reason}.`, {
      cause: error,
    });
  if (/insufficient funds|exceeds the balance/i.test(error.message))
    return new MinerError("The wallet cannot pay the gas.", {
      hint: "Send it some of the chain's own coin.",
      cause: error,
    });
  return new MinerError(`The chain cannot be asked: ${error.shortMessage}`, {
    retryable: true,
    cause: error,
  });
}

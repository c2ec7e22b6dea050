import { aiforgeAbi } from "@aiforge/contracts";
import { type Address, BaseError, ContractFunctionRevertedError, createPublicClient, http } from "viem";
import { openChain } from "./chain-node.ts";
import type { Config } from "./config.ts";
import { describe, MinerError } from "./errors.ts";
import type { NodeApi } from "./node-api.ts";
import { isTron } from "./own-chains.ts";
import { Places } from "./places.ts";

/** A chain on which jobs are paid. */
export type PayChain = Awaited<ReturnType<typeof payChains>>["chains"][number];

/**
 * The chains on which a node's wallet can have credit: as the API lists them, and those that the operator's own nodes
 * are of, which need no API.
 * @returns them, and for what else it could not be found out
 * @throws MinerError when there are none, because the API or the operator's node is away
 */
export async function payChains(config: Pick<Config, "jobs" | "apiUrl" | "dataDir">, api: NodeApi) {
  const { rpcUrl, nodes } = config.jobs;
  const problems: string[] = [];
  let evm: string | null = null;
  let away: MinerError | null = null;
  if (rpcUrl !== null)
    try {
      evm = `eip155:${await chainIdOf(rpcUrl)}`;
    } catch (error) {
      away = chainError(error);
      problems.push(`--rpc-url ${new URL(rpcUrl).origin}: ${away.message}`);
    }
  const places = new Places({
    own: config.jobs,
    apiUrl: config.apiUrl,
    dataDir: config.dataDir,
    listed: () => api.chains(),
  });
  const found = await places.all(evm, problems).catch((error) => {
    throw away ?? error;
  });
  // Which chain the operator's node is of is not known now, and none is asked elsewhere in its place.
  const left = found.filter(({ chain }) => !away || isTron(chain) || nodes.has(chain));
  if (away && left.length === 0) throw away;
  return { chains: left.map((place) => ({ ...place, ...openChain(place) })), problems };
}

async function chainIdOf(rpcUrl: string): Promise<number> {
  try {
    return await createPublicClient({
      transport: http(rpcUrl, { timeout: 10_000, retryCount: 1 }),
    }).getChainId();
  } catch (error) {
    const { message, retryable } = chainError(error);
    throw new MinerError(message, {
      hint: "A Tron node is given with its chain in front: --rpc-url tron:0x2b6653dc=ADDRESS.",
      retryable,
      cause: error,
    });
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

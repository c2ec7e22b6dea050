import { aiforgeAbi, canonicalJson, contentCid, deployments, jobIdOf, resultHash } from "@aiforge/contracts";
import {
  type Address,
  BaseError,
  ContractFunctionRevertedError,
  encodeFunctionData,
  type Hex,
  isAddress,
  type LocalAccount,
} from "viem";
import { isPayable, isTron, openChain } from "../chain-node.ts";
import { describe, MinerError } from "../errors.ts";
import type { Coordinator } from "./coordinator.ts";
import type { Finish, Work } from "./protocol.ts";

/** Where a job stands on chain, as the contract numbers it. */
const STATUS = ["none", "open", "submitted", "disputed", "paid", "refunded", "resolved"] as const;
export type OnchainStatus = (typeof STATUS)[number];

export interface ChainAccess {
  account: LocalAccount;
  /** The operator's own node of the chain, or null to ask through the API. */
  rpcUrl: string | null;
  coordinator: Coordinator;
}

/**
 * The hash of a result as the platform makes it, for when the platform is not there to do so: of the exit code, the
 * time and the CID of the manifest of all outputs.
 */
export function ownResult(work: Work, finish: Finish): Hex {
  const files = finish.files
    .map(({ path, cid, size, sha256 }) => ({ path, cid, size, sha256 }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const { onchainId, attempt } = work;
  const manifest = canonicalJson({ version: 1, jobId: onchainId, attempt, files });
  return resultHash({
    version: 1,
    jobId: onchainId,
    attempt,
    exitCode: 0,
    containerSeconds: finish.containerSeconds,
    outputCid: contentCid(new TextEncoder().encode(manifest)),
  });
}

/**
 * Submits a result to the contract with the node's own wallet and the assignment that the operator signed. The wallet
 * pays the gas. Whoever did it before does nothing now.
 * @returns the transaction, or null when the job is not open any more
 * @throws MinerError, retryable when the chain cannot be reached
 */
export async function submitOnChain(
  work: Work,
  result: Hex,
  access: ChainAccess,
): Promise<{ status: OnchainStatus; hash: Hex | null }> {
  const { account } = access;
  const { rpcUrl, aiforge, chainId } = await locate(work.assignment.chain, access);
  const { chain } = work.assignment;
  const { reader, send, included } = openChain({ chain, chainId, name: chain, url: rpcUrl });
  const job = { ...work.job, price: BigInt(work.job.price) };
  if (jobIdOf(job) !== work.onchainId)
    throw new MinerError("The job's terms are not those of the job that was assigned.");
  try {
    const state = await reader.readContract({
      address: aiforge,
      abi: aiforgeAbi,
      functionName: "jobOf",
      args: [work.onchainId],
    });
    const status = STATUS[state.status] ?? "none";
    if (status !== "open") return { status, hash: null };
    const { jobId, node, payee, expiry } = work.assignment;
    const call = {
      abi: aiforgeAbi,
      functionName: "submitJob",
      args: [job, { jobId, node, payee, expiry }, work.assignmentSignature, result],
    } as const;
    await reader.simulateContract({ ...call, account: account.address, address: aiforge });
    const hash = await send(account, { to: aiforge, data: encodeFunctionData(call) });
    const receipt = await included(hash);
    if (receipt.status === "success") return { status: "submitted", hash };
    throw new MinerError(`The transaction ${hash} of the result failed.`, { retryable: true });
  } catch (error) {
    throw explained(error, account.address);
  }
}

async function locate(
  caip2: string,
  { rpcUrl, coordinator }: ChainAccess,
): Promise<{ rpcUrl: string; aiforge: Address; chainId: number }> {
  if (!isPayable(caip2)) throw new MinerError(`A node's wallet cannot submit on ${caip2}.`);
  // Its own node and the deployments that come along are of Ethereum's kind.
  const chainId = isTron(caip2) ? Number(caip2.slice("tron:".length)) : Number(caip2.slice("eip155:".length));
  const known = isTron(caip2) ? undefined : deployments[chainId]?.aiforge;
  if (rpcUrl && known) return { rpcUrl, aiforge: known, chainId };
  const told = await coordinator.chain(caip2, AbortSignal.timeout(30_000));
  const aiforge = known ?? told?.aiforge;
  if (!told || !aiforge || !isAddress(aiforge))
    throw new MinerError(`The contract on ${caip2} is not known.`);
  return { rpcUrl: (isTron(caip2) ? null : rpcUrl) ?? told.rpcUrl, aiforge, chainId };
}

function explained(error: unknown, wallet: Address): MinerError {
  if (error instanceof MinerError) return error;
  if (!(error instanceof BaseError))
    return new MinerError(describe(error), { retryable: true, cause: error });
  const reverted = error.walk((inner) => inner instanceof ContractFunctionRevertedError);
  if (reverted instanceof ContractFunctionRevertedError)
    return new MinerError(
      `The contract refuses the result: ${reverted.data?.errorName ?? reverted.reason}.`,
      {
        cause: error,
      },
    );
  if (/insufficient funds|exceeds the balance/i.test(error.message))
    return new MinerError(`The wallet ${wallet} cannot pay the gas of submitting a result.`, {
      hint: "Send it some of the chain's own coin.",
      retryable: true,
      cause: error,
    });
  return new MinerError(`The chain cannot be asked: ${error.shortMessage}`, {
    retryable: true,
    cause: error,
  });
}

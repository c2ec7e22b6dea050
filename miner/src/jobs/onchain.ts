import { aiforgeAbi, canonicalJson, contentCid, jobIdOf, resultHash } from "@aiforge/contracts";
import {
  BaseError,
  ContractFunctionRevertedError,
  encodeFunctionData,
  type Hex,
  type LocalAccount,
} from "viem";
import { openChain } from "../chain-node.ts";
import { describe, MinerError } from "../errors.ts";
import { checkContract, type Places, showAddress } from "../places.ts";
import type { Finish, Work } from "./protocol.ts";
import type { Results } from "./results.ts";

/** Where a job stands on chain, as the contract numbers it. */
const STATUS = ["none", "open", "submitted", "disputed", "paid", "refunded", "resolved"] as const;
export type OnchainStatus = (typeof STATUS)[number];

export interface ChainAccess {
  account: LocalAccount;
  places: Places;
  results: Results;
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
  const { account, results } = access;
  const place = await access.places.one(work.assignment.chain);
  const { aiforge } = place;
  const { reader, send, included } = openChain(place);
  const job = { ...work.job, price: BigInt(work.job.price) };
  if (jobIdOf(job) !== work.onchainId)
    throw new MinerError("The job's terms are not those of the job that was assigned.");
  try {
    await checkContract(place, reader);
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
    await results.keep(work, result, aiforge);
    const hash = await send(account, { to: aiforge, data: encodeFunctionData(call) });
    const receipt = await included(hash);
    if (receipt.status === "success") return { status: "submitted", hash };
    throw new MinerError(`The transaction ${hash} of the result failed.`, { retryable: true });
  } catch (error) {
    throw explained(error, showAddress(place.chain, account.address));
  }
}

function explained(error: unknown, wallet: string): MinerError {
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

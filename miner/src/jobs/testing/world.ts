import {
  ASSIGNMENT_TYPES,
  demoAccount,
  jobDomain,
  jobIdOf,
  payeeOf,
  specificationHash,
} from "@aiforge/contracts";
import type { Address } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { Specification, Work } from "../protocol.ts";
import { workOf } from "./work.ts";

/** The well-known account 7 of the local chain. */
export const KEY = "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356";
export const account = privateKeyToAccount(KEY);

/** Work whose hashes are right, as the API's are. */
export function soundWork(
  image: string,
  spec: Partial<Specification> = {},
  change: { inputs?: Work["inputs"]; price?: bigint; attempt?: number } = {},
): Work {
  const inputs = change.inputs ?? [];
  const work = workOf(image, { ...spec, inputs: inputs.map(({ cid, path, size }) => ({ cid, path, size })) });
  const job = {
    ...work.job,
    specification: specificationHash(work.spec),
    price: change.price ?? 1_000_000n,
    account: `0x${work.jobId.replaceAll("-", "").padStart(64, "0")}` as const,
  };
  const onchainId = jobIdOf(job);
  return {
    ...work,
    inputs,
    onchainId,
    attempt: change.attempt ?? 1,
    assignment: { ...work.assignment, jobId: onchainId, node: account.address },
    job: { ...job, price: job.price.toString() },
  };
}

/** The terms of a job, as the contract takes them. */
export type Terms = Omit<Work["job"], "price"> & { price: bigint };

/** Work with these terms, which the operator's word on a chain gives to a wallet until the deadline. */
export async function assignedWork(
  work: Work,
  job: Terms,
  { chain, chainId, aiforge, node }: { chain: string; chainId: number; aiforge: Address; node: Address },
): Promise<Work> {
  const onchainId = jobIdOf(job);
  const assignment = { jobId: onchainId, node, payee: payeeOf(node), expiry: job.deadline };
  const operator = privateKeyToAccount(demoAccount("operator").privateKey);
  const assignmentSignature = await operator.signTypedData({
    domain: jobDomain(chainId, aiforge),
    types: ASSIGNMENT_TYPES,
    primaryType: "Assignment",
    message: assignment,
  });
  return {
    ...work,
    onchainId,
    job: { ...job, price: job.price.toString() },
    assignment: { ...assignment, chain },
    assignmentSignature,
  };
}

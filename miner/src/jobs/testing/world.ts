import { jobIdOf, specificationHash } from "@aiforge/contracts";
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

import { randomBytes } from "node:crypto";
import {
  assertJobSpecification,
  type Job,
  type JobSpecification,
  JobSpecificationError,
  jobIdOf,
  specificationHash,
} from "@aiforge/contracts";
import type { z } from "@hono/zod-openapi";
import { readUsdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { readableFiles } from "../files/service.ts";
import { requireAccess } from "../gateway/access.ts";
import { type InputWeights, readableWeights } from "../models/input-weights.ts";
import { accountFor } from "../payments/quote/account.ts";
import { quoteJob } from "../payments/quote/job.ts";
import { requireWallet } from "../wallets/service.ts";
import * as errors from "./errors.ts";
import { type ResolvedImage, resolveImage } from "./images.ts";
import { groupsOf, someNodeMayRead } from "./scheduler/weights.ts";
import { jobEvents, jobs } from "./schema.ts";
import type { createJobBody } from "./shapes.ts";
import type { JobSpecificationInput } from "./specification.ts";
import { unixSeconds } from "./terms.ts";

/** The contract's, in seconds. */
const MAX_DURATION = 30 * 86_400;
/** For the payment (half an hour), the set-up (a quarter) and the check of the result. */
const OVERHEAD_SECONDS = 3_600;
const DAY = 86_400;

/**
 * What people wrote as what is hashed and run: the image by its digest, the inputs with their sizes.
 * @throws AppError `image_unknown`, `invalid_request` (400), `input_unknown`, `model_not_found` (404),
 *   `no_node_may_read` (409),
 *   `insufficient_quota` (402)
 */
export async function specify(
  deps: Deps,
  userId: string,
  input: JobSpecificationInput,
): Promise<{ spec: JobSpecification; image: ResolvedImage; weights: InputWeights[] }> {
  const cids = input.inputs.map(({ cid }) => cid);
  const [files, versions] = await Promise.all([
    readableFiles(deps, userId, cids),
    readableWeights(deps, userId, cids),
  ]);
  const weights = new Map<string, InputWeights>();
  const inputs = input.inputs.map(({ cid, path }, at) => {
    const file = files.get(cid);
    if (file) return { cid, path, size: file.size };
    const version = versions.get(cid);
    if (!version) throw errors.inputUnknown(at, cid);
    weights.set(version.cid, version);
    // A job reads what was uploaded: of protected weights that has another CID than what is stored.
    return { cid: version.cid, path, size: version.size };
  });
  // The node answers for the model as to any call of the user's: whoever may not call it cannot have a job call it.
  if (input.engineModelId) await requireAccess(deps, userId, input.engineModelId);
  const image = await resolveImage(deps, input.image);
  const groups = groupsOf([...weights.values()]);
  if (groups.length > 0 && !(await someNodeMayRead(deps, groups, image.digest))) throw errors.noNodeMayRead();
  const spec: JobSpecification = { ...input, image: image.digest, inputs };
  try {
    assertJobSpecification(spec);
  } catch (error) {
    if (error instanceof JobSpecificationError) throw errors.invalidSpec(error.field, error.message);
    throw error;
  }
  return { spec, image, weights: [...weights.values()] };
}

/**
 * Orders a job: from now on it waits for its payment.
 * @returns the job's id
 * @throws AppError those of `specify`, `invalid_amount`, `price_too_low`, `deadline_too_short` (400), `not_found`,
 *   `wallet_not_linked`, `unknown_chain`, `payments_paused`, `too_many_attempts`, `chain_unavailable`
 */
export async function orderJob(
  deps: Deps,
  userId: string,
  input: z.output<typeof createJobBody>,
): Promise<string> {
  const chain = deps.chains.get(input.chain);
  const price = readUsdt("price", input.price);
  if (price === 0n) throw errors.noPrice();
  const account = await accountFor(deps, userId, input.groupId);
  const { address: wallet } = await requireWallet(deps, userId, input.wallet, input.chain);
  const { spec, image, weights } = await specify(deps, userId, input.spec);
  const deadline = new Date(Date.now() + durationOf(spec, input.deadlineSeconds) * 1000);
  deadline.setUTCMilliseconds(0);
  const job: Job = {
    client: wallet,
    account,
    specification: specificationHash(spec),
    price,
    deadline: unixSeconds(deadline),
    salt: `0x${randomBytes(32).toString("hex")}`,
  };
  let id = "";
  await quoteJob(deps, userId, {
    chain,
    job,
    opened: async (tx, payment) => {
      const [row] = await tx
        .insert(jobs)
        .values({
          userId,
          groupId: input.groupId ?? null,
          account,
          name: input.name,
          template: input.template ?? null,
          spec,
          specHash: job.specification,
          weights,
          price,
          chain: chain.chain,
          wallet,
          onchainId: jobIdOf(job),
          deadline,
          salt: job.salt,
          paymentId: payment.id,
          // Whole milliseconds, as pages of the list count.
          createdAt: new Date(),
          attemptsLeft: 1 + spec.retries,
        })
        .returning({ id: jobs.id });
      id = row!.id;
      const detail = image.ref === image.digest ? null : `The image ${image.ref} is ${image.digest}.`;
      await tx
        .insert(jobEvents)
        .values({ jobId: id, from: null, to: "quoted", by: "client", reason: "quoted", detail });
    },
  });
  return id;
}

/** Seconds from now to the deadline. */
function durationOf({ timeLimitSeconds, retries }: JobSpecification, asked: number | undefined): number {
  const least = timeLimitSeconds + OVERHEAD_SECONDS;
  if (asked === undefined) return Math.min(MAX_DURATION, least * (1 + retries) + DAY);
  if (asked < least) throw errors.deadlineTooShort(least);
  return asked;
}

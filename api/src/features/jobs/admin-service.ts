import { notFound } from "../../core/errors.ts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import type { FileRow } from "../files/queries.ts";
import { isoOf } from "../publishing/onchain.ts";
import * as queries from "./admin-queries.ts";
import type { AdminJobDetail, DisputedJob } from "./admin-shapes.ts";
import { disputesOf } from "./disputes.ts";
import { jobById } from "./queries.ts";
import { jobDetail } from "./service.ts";
import { payeeOfJob, payeeWord } from "./settlement-calls.ts";
import { viewJob } from "./view.ts";

/** What waits for an admin's decision, the oldest dispute first, and what was decided, the last first. */
export async function listDisputes(deps: Deps): Promise<{ jobs: DisputedJob[]; decided: DisputedJob[] }> {
  const [waiting, decided] = await Promise.all([queries.disputedJobs(deps.db), queries.decidedJobs(deps.db)]);
  const disputeOf = await disputesOf(
    deps.db,
    [...waiting, ...decided].map(({ job }) => job),
  );
  const view = (row: queries.DisputedRow): DisputedJob[] => {
    const { status, updatedAt, node, payee, result, paid, fee, refunded, txHash } = row.escrow;
    const dispute = disputeOf(row.job);
    // The mirror's tables are written one after the other: what is half there comes with the next look.
    if (!dispute || !node || !payee || !result) return [];
    if (status !== "disputed" && status !== "paid" && status !== "resolved") return [];
    return [
      {
        job: viewJob(row),
        client: row.client,
        since: isoOf(updatedAt),
        status,
        submission: { node, payee, result },
        dispute,
        paid: usdt(paid),
        fee: usdt(fee),
        refunded: usdt(refunded),
        txHash,
      },
    ];
  };
  return { jobs: waiting.flatMap(view), decided: decided.flatMap(view) };
}

/** Anybody's jobs: those that are not over, or those that a text finds. */
export async function searchJobs(deps: Deps, text: string) {
  const rows = await queries.findJobs(deps.db, text);
  return rows.map((row) => ({ job: viewJob(row), client: row.client }));
}

async function anyJob(deps: Deps, id: string) {
  const found = await jobById(deps.db, id);
  if (!found) throw notFound("The job");
  return found;
}

/** Anybody's job with what it takes to judge its result. @throws AppError `not_found` (404) */
export async function judgedJob(deps: Deps, id: string): Promise<AdminJobDetail> {
  const found = await anyJob(deps, id);
  const [job, client, files, payee] = await Promise.all([
    jobDetail(deps, found, null),
    queries.clientOf(deps.db, found.job.userId),
    queries.filesOf(deps.db, id),
    payeeOfJob(deps, found.job),
  ]);
  if (!client) throw notFound("The job");
  const submission = job.onchain?.submission;
  const checked = found.job.state === "completed" && found.job.resultHash !== null && payee !== null;
  return {
    job,
    client,
    verified:
      submission && checked
        ? submission.result === found.job.resultHash &&
          payeeWord(submission.payee).toLowerCase() === payee.toLowerCase()
        : null,
    files: files.map(({ attempt, file: { name, cid, size, sha256 } }) => ({
      attempt,
      path: name,
      cid,
      size,
      sha256,
    })),
  };
}

/** What an attempt put out at a path. @throws AppError `not_found` (404) */
export async function judgedFile(deps: Deps, id: string, attempt: number, path: string): Promise<FileRow> {
  const files = await queries.filesOf(deps.db, id);
  const found = files.find(({ attempt: no, file }) => no === attempt && file.name === path);
  if (!found) throw notFound("The output");
  return found.file;
}

/** That a job is there. @throws AppError `not_found` (404) */
export async function requireAnyJob(deps: Deps, id: string): Promise<void> {
  await anyJob(deps, id);
}

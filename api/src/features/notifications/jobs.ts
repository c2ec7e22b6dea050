import type { chainJobs } from "../../chain/schema.ts";
import { usdt } from "../../core/money.ts";
import type { Executor } from "../../db/client.ts";
import type { JobReason, JobState } from "../jobs/states.ts";
import type { JobRow } from "../jobs/transitions.ts";
import type { NotificationKind } from "./kinds.ts";
import { type Notice, notify } from "./notify.ts";

/** What somebody did not cause themselves is told why; codes without a sentence here say enough in the title. */
const WHY: Partial<Record<JobReason, string>> = {
  exit_code: "Its container ended with an error.",
  out_of_memory: "It needed more memory than it asked for.",
  time_limit: "It ran longer than its time limit.",
  setup_time_limit: "Its node took too long to fetch the image and the inputs.",
  output_too_large: "Its outputs are larger than its limit.",
  too_many_files: "It put out too many files.",
  output_invalid: "Its outputs did not pass the check.",
  input_missing: "An input could not be fetched.",
  image_missing: "Its node does not have the image.",
  node_lost: "Its node went away.",
  node_failed: "Its node could not run it.",
  node_refused: "Its node refused it.",
  retries_used: "All its attempts are used up.",
  no_node_in_time: "No node was free for it in time.",
  deadline: "It was not done by its deadline.",
  cancelled_by_owner: "It was cancelled by who ordered it.",
  cancelled_by_admin: "It was cancelled by an admin.",
  escrow_over: "Its money was decided on the chain before there was a result.",
};

const REFUND = "What was paid for it is given back.";

/**
 * Tells who ordered a job, or everybody of the group it was ordered for, that it started or ended. Called with each
 * transition, in its transaction. Of a job that was never funded nobody is told: nothing had begun.
 */
export async function notifyJob(
  tx: Executor,
  job: JobRow,
  { from, reason }: { from: JobState; reason: JobReason },
): Promise<void> {
  if (from === "quoted") return;
  const text = textOf(job, reason);
  if (text) await tell(tx, job, { ...text, data: { reason } });
}

type Text = Pick<Notice, "kind" | "title" | "body">;

function textOf({ state, name, failureMessage }: JobRow, reason: JobReason): Text | null {
  const why = failureMessage ?? WHY[reason] ?? "";
  // What became of the money is told once the job is settled.
  const body = reason === "escrow_over" ? why : `${why} ${REFUND}`.trim();
  switch (state) {
    case "running":
      return { kind: "job.started", title: `“${name}” started`, body: "Its container runs." };
    case "completed":
      return { kind: "job.completed", title: `“${name}” is done`, body: "Its outputs are ready." };
    case "failed":
      return { kind: "job.failed", title: `“${name}” failed`, body };
    case "timed_out":
      return { kind: "job.failed", title: `“${name}” ran out of time`, body };
    case "cancelled":
      return { kind: "job.cancelled", title: `“${name}” was cancelled`, body };
    default:
      return null;
  }
}

/** What the chain shows of a job's money, once it holds nothing any more. Amounts in micro-USDT. */
export type JobSettlement = Pick<typeof chainJobs.$inferSelect, "status" | "paid" | "fee" | "refunded">;

/** Tells the same people that the chain paid the node or gave the money back. Call it with `settled_at`. */
export async function notifySettled(tx: Executor, job: JobRow, settlement: JobSettlement): Promise<void> {
  const { status, paid, fee, refunded } = settlement;
  const amounts = { paid: usdt(paid), fee: usdt(fee), refunded: usdt(refunded) };
  if (refunded > 0n) {
    const kind: NotificationKind = "job.refunded";
    const title = `${amounts.refunded} USDT of “${job.name}” came back`;
    const body =
      status === "resolved"
        ? `Its dispute was decided; the node got ${amounts.paid} USDT.`
        : "It is credit of the wallet that ordered, to withdraw or to spend.";
    return tell(tx, job, { kind, title, body, data: amounts });
  }
  const title = `The node of “${job.name}” was paid`;
  const body = `${amounts.paid} USDT went to the node, ${amounts.fee} USDT to the platform.`;
  await tell(tx, job, { kind: "job.paid", title, body, data: amounts });
}

/** A retry starts a job again, but nobody needs to hear that twice: the key is the job's and the kind's. */
function tell(tx: Executor, job: JobRow, notice: Omit<Notice, "key" | "link">): Promise<void> {
  const audience = job.groupId ? { groupId: job.groupId } : { userId: job.userId };
  return notify(tx, audience, {
    ...notice,
    key: `${notice.kind}:${job.id}`,
    link: `/jobs/${job.id}`,
    data: { job: { id: job.id, name: job.name, state: job.state }, ...notice.data },
  });
}

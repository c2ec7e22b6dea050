import type { JobAttempt, JobDetail, JobEvent, JobState } from "../api/types.ts";

export type Tone = "quiet" | "info" | "primary" | "success" | "warning" | "error";

/** A state in a word or two. */
export const STATES: Record<JobState, { label: string; tone: Tone }> = {
  quoted: { label: "Not paid", tone: "warning" },
  pending: { label: "Waiting for a node", tone: "info" },
  assigned: { label: "Setting up", tone: "info" },
  running: { label: "Running", tone: "primary" },
  verifying: { label: "Checking the result", tone: "primary" },
  completed: { label: "Done", tone: "success" },
  failed: { label: "Failed", tone: "error" },
  cancelled: { label: "Cancelled", tone: "quiet" },
  timed_out: { label: "Timed out", tone: "error" },
};

const ENDS = new Set<JobState>(["completed", "failed", "cancelled", "timed_out"]);
/** Whether nothing but its money moves any more. */
export const isOver = (state: JobState): boolean => ENDS.has(state);
/** Whether its owner can still stop it. */
export const canCancel = (state: JobState): boolean =>
  state === "quoted" || state === "pending" || state === "assigned" || state === "running";

/** Where a job stands and what comes next, for its owner. */
export function describeJob(
  job: Pick<JobDetail, "state" | "node" | "fundedAt" | "failure" | "spec">,
): string {
  const node = job.node?.name ?? "A node";
  switch (job.state) {
    case "quoted":
      return "Nothing runs and nothing is owed until its escrow is paid and confirmed.";
    case "pending":
      return "The escrow is paid. The next node that has room and takes the price gets it.";
    case "assigned":
      return `${node} fetches the image and the inputs. This does not count as its time.`;
    case "running":
      return `${node} is at it. What it prints is shown below as it comes.`;
    case "verifying":
      return "The container has ended well. Its outputs are fetched and held to their limits.";
    case "completed":
      return job.spec.review
        ? "The outputs are checked and yours. The node is paid when you approve, or after a day without a dispute."
        : "The outputs are checked and yours.";
    case "failed":
      return sentence(job.failure?.message) ?? "No attempt came to a result.";
    case "cancelled":
      return sentence(job.failure?.message) ?? "It was stopped before it had a result.";
    case "timed_out":
      return sentence(job.failure?.message) ?? "There was no result in time.";
  }
}

const sentence = (text: string | undefined): string | null =>
  text ? (/[.!?…]$/.test(text) ? text : `${text}.`) : null;

const REASONS: Record<JobEvent["reason"], string> = {
  quoted: "Ordered",
  quote_expired: "Not paid in time",
  funded: "Escrow paid and confirmed",
  funding_reorged: "The chain took the payment back",
  escrow_over: "Its money was decided on the chain",
  node_chosen: "Given to a node",
  node_started: "The container started",
  node_lost: "The node was lost",
  node_failed: "The node failed",
  node_refused: "The node did not take it",
  container_exited: "The container ended well",
  exit_code: "The program failed",
  out_of_memory: "Out of memory",
  time_limit: "Over its time limit",
  setup_time_limit: "Setting up took too long",
  output_too_large: "The outputs were too large",
  too_many_files: "Too many output files",
  output_invalid: "The outputs did not hold",
  input_missing: "An input was not there",
  image_missing: "The image was not there",
  cancelled_by_owner: "Cancelled by you",
  cancelled_by_admin: "Cancelled by an admin",
  no_node_in_time: "No node in time",
  deadline: "The deadline passed",
  verified: "The result was checked",
  retries_used: "No attempt is left",
};

/** Why something happened to a job. */
export const reasonName = (reason: JobEvent["reason"]): string => REASONS[reason];

const FAILURES = REASONS as Record<string, string>;
/** Why an attempt ended, by its code. */
export const failureName = (code: string): string => FAILURES[code] ?? code.replaceAll("_", " ");

const ACTORS: Record<JobEvent["by"], string> = {
  client: "you",
  mirror: "the chain",
  scheduler: "the scheduler",
  node: "the node",
  verifier: "the check",
  timer: "the clock",
  admin: "an admin",
};
export const actorName = (by: JobEvent["by"]): string => ACTORS[by];

const ATTEMPTS: Record<JobAttempt["state"], { label: string; tone: Tone }> = {
  offered: { label: "Offered", tone: "info" },
  accepted: { label: "Setting up", tone: "info" },
  running: { label: "Running", tone: "primary" },
  uploading: { label: "Handing in", tone: "primary" },
  finished: { label: "Finished", tone: "success" },
  failed: { label: "Failed", tone: "error" },
  lost: { label: "Lost", tone: "error" },
  cancelled: { label: "Stopped", tone: "quiet" },
};
export const attemptState = (state: JobAttempt["state"]): { label: string; tone: Tone } => ATTEMPTS[state];

/** Seconds for people: "42 s", "3 min 5 s", "2 h 10 min". */
export function showDuration(seconds: number): string {
  const whole = Math.round(seconds);
  if (seconds < 10 && whole !== seconds) return `${Math.round(seconds * 10) / 10} s`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return join(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86_400) return join(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return join(Math.floor(whole / 86_400), "d", Math.floor((whole % 86_400) / 3600), "h");
}
const join = (large: number, unit: string, small: number, part: string) =>
  small > 0 ? `${large} ${unit} ${small} ${part}` : `${large} ${unit}`;

/** A size given in MiB: "512 MiB", "1.5 GiB". */
export const showMib = (mib: number): string =>
  mib < 1024 ? `${mib} MiB` : `${Math.round((mib / 1024) * 10) / 10} GiB`;

/** Resources in one line. */
export function describeResources(spec: JobDetail["spec"]): string {
  const cpus = spec.cpuMillis / 1000;
  return [
    `${cpus} ${cpus === 1 ? "CPU" : "CPUs"}`,
    `${showMib(spec.memoryMb)} of memory`,
    ...(spec.gpus > 0 ? [`${spec.gpus} ${spec.gpus === 1 ? "GPU" : "GPUs"}`] : []),
    `${showMib(spec.diskMb)} of disk`,
  ].join(", ");
}

const CLOCK = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** With seconds, as a job's steps follow each other: "21 Nov, 14:05:09". */
export const showClock = (iso: string): string => CLOCK.format(new Date(iso));

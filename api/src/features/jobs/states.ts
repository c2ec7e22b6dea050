/** Where a job can be. The last four are ends: nothing but money moves after them. */
export const JOB_STATES = [
  "quoted",
  "pending",
  "assigned",
  "running",
  "verifying",
  "completed",
  "failed",
  "cancelled",
  "timed_out",
] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Who can cause a transition. */
export const JOB_ACTORS = ["client", "mirror", "scheduler", "node", "verifier", "timer", "admin"] as const;
export type JobActor = (typeof JOB_ACTORS)[number];

/** Why a transition happened. */
export const JOB_REASONS = [
  "quoted",
  "quote_expired",
  "funded",
  "funding_reorged",
  "escrow_over",
  "node_chosen",
  "node_started",
  "node_lost",
  "node_failed",
  "node_refused",
  "container_exited",
  "exit_code",
  "out_of_memory",
  "time_limit",
  "setup_time_limit",
  "output_too_large",
  "too_many_files",
  "output_invalid",
  "input_missing",
  "image_missing",
  "cancelled_by_owner",
  "cancelled_by_admin",
  "no_node_in_time",
  "deadline",
  "verified",
  "retries_used",
] as const;
export type JobReason = (typeof JOB_REASONS)[number];

/** Where an attempt can be: accepted means that the node fetches image and inputs. */
export const ATTEMPT_STATES = [
  "offered",
  "accepted",
  "running",
  "uploading",
  "finished",
  "failed",
  "lost",
  "cancelled",
] as const;
export type AttemptState = (typeof ATTEMPT_STATES)[number];

/** An attempt in one of these holds its node's resources and a lease. */
export const LIVE_ATTEMPT_STATES = ["offered", "accepted", "running", "uploading"] as const;

import type { End } from "../books.ts";
import type { OrderOptions } from "../customer.ts";

/** A place on a job's way at which somebody is killed. */
export interface Step {
  name: string;
  /** What is shut before the job is paid for; null: nothing, the container waits to be let go. */
  gate: string | null;
  /** Where the job is when it is caught: at the gate, or in a state that it does not leave before the gate. */
  caught: "gate" | "running" | "due" | "sent";
  order: OrderOptions;
  end: End;
}

/** Every kill of a miner costs each job that it is at an attempt. */
const MANY = 5;
const good = (name: string, gate: string): Step => ({
  name,
  gate,
  caught: "gate",
  order: { retries: MANY },
  end: "paid",
});
const bad = (name: string, gate: string, retries = 0): Step => ({
  name,
  gate,
  caught: "gate",
  order: { fails: true, retries },
  end: "refunded",
});

const FUNDED = good("funded → pending", "jobs quoted>pending");
const ASSIGNED = good("pending → assigned", "jobs pending>assigned");
const ACCEPTED = good("assigned, the set-up begins", "attempts offered>accepted");
const STARTED = good("assigned → running", "jobs assigned>running");
const RUNNING: Step = {
  name: "running",
  gate: null,
  caught: "running",
  order: { holds: true, retries: MANY },
  end: "paid",
};
const UPLOADING = good("running, the outputs are to be brought", "attempts running>uploading");
const VERIFYING = good("running → verifying", "attempts uploading>finished");
const COMPLETED = good("verifying → completed", "files manifest");
const PAY_SIGNED = good("completed, the payment is signed and not sent", "outbox pending>sent");
const PAY_SENT: Step = {
  ...good("completed, the payment is sent and not confirmed", "outbox sent>confirmed"),
  caught: "sent",
};
const PAY_MINED = good("completed, the payment is mined and not noted", "outbox sent>confirmed");
const RETRIED = bad("running → pending, to be tried again", "attempts running>failed", 1);
const FAILED = bad("running → failed", "attempts running>failed");
const REFUND_DUE: Step = {
  ...bad("failed, the refund is due and not signed", "outbox pending>sent"),
  caught: "due",
};
const REFUND_SENT: Step = {
  ...bad("failed, the refund is sent and not confirmed", "outbox sent>confirmed"),
  caught: "sent",
};

/**
 * What is caught by one kill, stage after stage. A transition that is held in its middle holds up some others: an
 * assignment has the node's row, one payment in the middle of its round keeps the next from being signed. And each has
 * one of the api's connections to the database, of which enough must be left for what is not held.
 */
export const WAVES: readonly (readonly Step[][])[] = [
  [[PAY_MINED, ACCEPTED, STARTED, RUNNING, UPLOADING], [ASSIGNED], [FUNDED]],
  [[PAY_SIGNED, VERIFYING, COMPLETED], [REFUND_DUE]],
  [[PAY_SENT, RETRIED, FAILED]],
  [[REFUND_SENT]],
];

/** A container is there between the start and the end of its run: it must not end by itself before it is killed. */
export const CONTAINER_WAVES: typeof WAVES = [
  [[{ ...STARTED, order: { holds: true, retries: MANY } }, RUNNING]],
];

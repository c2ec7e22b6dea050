import { usdt } from "../../core/money.ts";
import { isoOf } from "../publishing/onchain.ts";
import type { AttemptRow } from "./attempts.ts";
import type { FoundJob } from "./queries.ts";
import type { jobEvents, jobLogs, jobSamples } from "./schema.ts";
import type { JobDetail, JobDispute, JobView } from "./shapes.ts";

const iso = (time: Date) => time.toISOString();
const isoOrNull = (time: Date | null) => time?.toISOString() ?? null;
const failureOf = (row: { failureCode: string | null; failureMessage: string | null }) =>
  row.failureCode === null ? null : { code: row.failureCode, message: row.failureMessage ?? row.failureCode };

export function viewJob({ job, nodeName }: FoundJob): JobView {
  return {
    id: job.id,
    name: job.name,
    template: job.template,
    state: job.state,
    stateSince: iso(job.stateSince),
    groupId: job.groupId,
    account: job.account,
    chain: job.chain,
    wallet: job.wallet,
    onchainId: job.onchainId,
    price: usdt(job.price),
    deadline: iso(job.deadline),
    spec: job.spec,
    specHash: job.specHash,
    attempt: job.attemptNo,
    attemptsLeft: job.attemptsLeft,
    node: job.nodeId === null ? null : { id: job.nodeId, name: nodeName ?? "" },
    progress: job.progress,
    outputCid: job.outputCid,
    resultHash: job.resultHash,
    containerSeconds: job.containerSeconds,
    failure: failureOf(job),
    createdAt: iso(job.createdAt),
    fundedAt: isoOrNull(job.fundedAt),
    finishedAt: isoOrNull(job.finishedAt),
  };
}

export function viewAttempt({ attempt, nodeName }: { attempt: AttemptRow; nodeName: string }) {
  return {
    id: attempt.id,
    no: attempt.no,
    node: { id: attempt.nodeId, name: nodeName },
    state: attempt.state,
    assignedAt: iso(attempt.assignedAt),
    acceptedAt: isoOrNull(attempt.acceptedAt),
    startedAt: isoOrNull(attempt.startedAt),
    endedAt: isoOrNull(attempt.endedAt),
    exitCode: attempt.exitCode,
    containerSeconds: attempt.containerSeconds,
    failure: failureOf(attempt),
  };
}

export function viewEvent({ id, at, from, to, by, reason, detail, attempt }: typeof jobEvents.$inferSelect) {
  return { id, at: iso(at), from, to, by, reason, detail, attempt };
}

export function viewSample({ at, cpu, memoryBytes, gpu }: typeof jobSamples.$inferSelect) {
  return { at: iso(at), cpu, memoryBytes, gpu };
}

export function viewLog({ seq, at, stream, text }: typeof jobLogs.$inferSelect, attempt: number) {
  return { seq, attempt, at: iso(at), stream, text };
}

interface Escrow {
  status: NonNullable<JobDetail["onchain"]>["status"];
  payer: string;
  node: string | null;
  payee: string | null;
  result: string | null;
  paid: bigint;
  fee: bigint;
  refunded: bigint;
  updatedAt: bigint;
  txHash: string;
}

export function viewEscrow(
  escrow: Escrow,
  confirmations: number,
  dispute: JobDispute | null,
  overdue: boolean,
): NonNullable<JobDetail["onchain"]> {
  const { node, payee, result } = escrow;
  return {
    status: escrow.status,
    confirmations,
    payer: escrow.payer,
    submission: node && payee && result ? { node, payee, result } : null,
    payee,
    paid: usdt(escrow.paid),
    fee: usdt(escrow.fee),
    refunded: usdt(escrow.refunded),
    since: isoOf(escrow.updatedAt),
    txHash: escrow.txHash,
    dispute,
    overdue,
  };
}

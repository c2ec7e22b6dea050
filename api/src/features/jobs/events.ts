import { setTimeout as sleep } from "node:timers/promises";
import { and, asc, eq, gte } from "drizzle-orm";
import type { Deps } from "../../deps.ts";
import { eventsOf, logsOf, samplesOf } from "./queries.ts";
import { jobAttempts, jobs } from "./schema.ts";
import type { JobStreamEvent } from "./shapes.ts";
import { TERMINAL } from "./transitions.ts";
import { viewEvent, viewLog, viewSample } from "./view.ts";

const LOOK_MS = 500;
const ALIVE_MS = 15_000;
const LOG_LINES = 500;

/** How far somebody has read: the last event, and of which attempt the last log line. */
interface Place {
  event: number;
  attempt: number;
  seq: number;
}

/** Reads a `Last-Event-ID`; one that is none of ours begins anew. */
export function readPlace(id: string | undefined): Place {
  const [, event, attempt, seq] = /^(\d{1,15})-(\d{1,9})-(\d{1,10})$/.exec(id ?? "") ?? [];
  return { event: Number(event ?? 0), attempt: Number(attempt ?? 0), seq: Number(seq ?? 0) };
}

interface News {
  events: { id: string; data: JobStreamEvent }[];
  over: boolean;
}

/** Looks what is new of a job since `place`, which moves on; `shown` is what is told only when it changes. */
async function newsOf(
  { db }: Deps,
  jobId: string,
  place: Place,
  shown: { progress: string; sample: Date | undefined },
): Promise<News> {
  const events: News["events"] = [];
  const tell = (data: JobStreamEvent) =>
    events.push({ id: `${place.event}-${place.attempt}-${place.seq}`, data });
  // The state is read first: what is written after it is told the next time, and never missed.
  const [job] = await db
    .select({ state: jobs.state, progress: jobs.progress, attempt: jobs.attemptNo })
    .from(jobs)
    .where(eq(jobs.id, jobId));
  if (!job) return { events, over: true };
  const [moves, attempts] = await Promise.all([
    eventsOf(db, jobId, place.event),
    db
      .select({ id: jobAttempts.id, no: jobAttempts.no })
      .from(jobAttempts)
      .where(and(eq(jobAttempts.jobId, jobId), gte(jobAttempts.no, place.attempt)))
      .orderBy(asc(jobAttempts.no)),
  ]);
  let more = false;
  for (const { id, no } of attempts) {
    if (no > place.attempt) Object.assign(place, { attempt: no, seq: 0 });
    const lines = await logsOf(db, id, place.seq, LOG_LINES);
    for (const line of lines) {
      place.seq = line.seq;
      tell({ type: "log", log: viewLog(line, no) });
    }
    more = lines.length === LOG_LINES;
    if (more) break;
  }
  const last = attempts.at(-1);
  if (last) {
    for (const sample of await samplesOf(db, last.id, shown.sample)) {
      shown.sample = sample.at;
      tell({ type: "sample", sample: viewSample(sample), attempt: last.no });
    }
  }
  const progress = `${job.attempt} ${job.progress}`;
  if (job.progress !== null && progress !== shown.progress) {
    shown.progress = progress;
    tell({ type: "progress", progress: job.progress, attempt: job.attempt });
  }
  // States come last: with an end all that was before it has been told.
  if (!more) {
    for (const move of moves) {
      place.event = move.id;
      tell({ type: "state", event: viewEvent(move) });
    }
  }
  return { events, over: TERMINAL.has(job.state) && !more };
}

/** Whether there is nothing left to tell after `place`, and never will be. */
export async function isTold(deps: Deps, jobId: string, place: Place): Promise<boolean> {
  const { events, over } = await newsOf(deps, jobId, { ...place }, { progress: "", sample: new Date() });
  return over && events.every(({ data }) => data.type === "progress");
}

/**
 * Server-sent events of a job from `place` on, until its end. It reads the database while somebody watches, so it does
 * not matter which instance the node speaks to.
 */
export function eventStream(
  deps: Deps,
  jobId: string,
  place: Place,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const gone = new AbortController();
  const left = AbortSignal.any([signal, gone.signal]);
  const shown: Parameters<typeof newsOf>[3] = { progress: "", sample: undefined };
  let toldAt = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (!left.aborted) {
          const { events, over } = await newsOf(deps, jobId, place, shown);
          const text = events
            .map(({ id, data }) => `id: ${id}\nevent: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`)
            .join("");
          const quiet = Date.now() - toldAt > ALIVE_MS;
          if (text || quiet) {
            toldAt = Date.now();
            controller.enqueue(encoder.encode(text || ": still here\n\n"));
          }
          if (over) break;
          if (text || quiet) return;
          await sleep(LOOK_MS, undefined, { signal: left }).catch(() => undefined);
        }
        controller.close();
      },
      cancel: () => gone.abort(),
    },
    { highWaterMark: 0 },
  );
}

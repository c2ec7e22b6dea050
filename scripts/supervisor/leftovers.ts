import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  findMarked,
  identify,
  isAlive,
  type ProcessIdentity,
  signalGroup,
  waitForEnd,
} from "./process-table.ts";

/** What is noted of a child, so that the next start finds it when this supervisor is killed. */
interface Note extends ProcessIdentity {
  stopSignal: NodeJS.Signals;
}

const GRACE_MS = 5_000;
const folder = (dataDir: string) => join(dataDir, "run");

/** Notes a running child. */
export async function noteChild(
  dataDir: string,
  name: string,
  pid: number,
  stopSignal: NodeJS.Signals,
): Promise<void> {
  const identity = await identify(pid);
  if (!identity) return;
  await mkdir(folder(dataDir), { recursive: true });
  await writeFile(
    join(folder(dataDir), `${name}.json`),
    JSON.stringify({ ...identity, stopSignal } satisfies Note),
  );
}

/** Forgets a child that has ended. */
export const forgetChild = (dataDir: string, name: string): Promise<void> =>
  rm(join(folder(dataDir), `${name}.json`), { force: true });

/**
 * Stops what an earlier supervisor of this data folder left behind when it was killed: by its notes, and on Linux by
 * the mark in each descendant's environment.
 * @returns how many processes were found
 */
export async function stopLeftovers(dataDir: string): Promise<number> {
  const notes: Note[] = [];
  for (const file of await readdir(folder(dataDir)).catch(() => [])) {
    const note = await readNote(join(folder(dataDir), file));
    if (note && (await isAlive(note))) notes.push(note);
  }
  for (const pid of await findMarked(dataDir)) {
    const identity = notes.some((note) => note.pid === pid) ? null : await identify(pid);
    if (identity) notes.push({ ...identity, stopSignal: "SIGTERM" });
  }
  for (const { pid, stopSignal } of notes) signalGroup(pid, stopSignal);
  if (!(await waitForEnd(notes, GRACE_MS))) {
    for (const note of notes) if (await isAlive(note)) signalGroup(note.pid, "SIGKILL");
    await waitForEnd(notes, GRACE_MS);
  }
  await rm(folder(dataDir), { recursive: true, force: true });
  return notes.length;
}

async function readNote(file: string): Promise<Note | null> {
  try {
    const note = JSON.parse(await readFile(file, "utf8"));
    return Number.isInteger(note.pid) && typeof note.startedAt === "string" ? note : null;
  } catch {
    // Cut off while it was written: the mark finds that process.
    return null;
  }
}

import { access, constants, mkdir, readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "./failure.ts";
import type { Supervisor } from "./supervisor.ts";

const MEGABYTE = 1024 * 1024;
/** A new database, the chain and the logs take about 100 MB; the rest is room to work. */
const ROOM_TO_START = 250 * MEGABYTE;
/** Below this nothing can be relied on to be written any more. */
const ROOM_TO_RUN = 30 * MEGABYTE;
const LOOK_MS = 5_000;

/**
 * Makes the data folder and sees that it can be written and has room.
 * @throws Failure, or the system's error
 */
export async function prepareDataFolder(dataDir: string): Promise<void> {
  await mkdir(join(dataDir, "logs"), { recursive: true });
  await access(dataDir, constants.W_OK | constants.X_OK);
  const free = await freeBytes(dataDir);
  if (free < ROOM_TO_START) {
    throw new Failure(
      `The disk is full: ${Math.floor(free / MEGABYTE)} MB are free where ${dataDir} is and ${ROOM_TO_START / MEGABYTE} MB are needed; make room, or set AIFORGE_DATA to another disk.`,
    );
  }
}

/** Forgets the state: everything in the folder but its lock. */
export async function forgetState(dataDir: string): Promise<void> {
  for (const entry of await readdir(dataDir)) {
    if (entry !== "lock") await rm(join(dataDir, entry), { recursive: true, force: true });
  }
  await mkdir(join(dataDir, "logs"), { recursive: true });
}

/** Stops everything before a full disk breaks it in the middle of a write. */
export function watchRoom(supervisor: Supervisor): void {
  const { dataDir } = supervisor.config;
  const timer = setInterval(async () => {
    const free = await freeBytes(dataDir).catch(() => null);
    if (free !== null && free < ROOM_TO_RUN) {
      supervisor.fail(
        new Failure(
          `The disk is full: ${Math.floor(free / MEGABYTE)} MB are left where ${dataDir} is. Everything was stopped; make room and start again.`,
        ),
      );
    }
  }, LOOK_MS);
  timer.unref();
  supervisor.signal.addEventListener("abort", () => clearInterval(timer));
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

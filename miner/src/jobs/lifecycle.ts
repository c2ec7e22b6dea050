import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { describe } from "../errors.ts";
import { STOP_SECONDS } from "./container.ts";
import { statusOf, within } from "./engine.ts";

/** After SIGKILL an engine has so long to say that the container ended. */
export const END_MS = 30_000;

/** A command that cannot be run: the exit code that a shell would give, with why. */
export interface Early {
  exitCode: number;
  message: string;
}

/** Opens the output of a container that is not started yet. Podman looks for the command here already. */
export async function attachContainer(container: Docker.Container): Promise<Duplex | Early> {
  try {
    const asked = container.attach({ stream: true, stdout: true, stderr: true });
    const source = (await within(asked)) as unknown as Duplex;
    source.on("error", () => {});
    return source;
  } catch (error) {
    return earlyOf(error);
  }
}

/** Starts a container. @returns null when it runs */
export async function startContainer(container: Docker.Container): Promise<Early | null> {
  try {
    await within(container.start(), 2 * END_MS);
    return null;
  } catch (error) {
    return earlyOf(error);
  }
}

/** @throws what it was given, when that has another reason than the command */
function earlyOf(error: unknown): Early {
  const message = describe(error);
  // Engines call other things not found or denied too: mounts, limits.
  if (statusOf(error) === null || /mount|rlimit/i.test(message) || !/exec/i.test(message)) throw error;
  if (/not found|no such file/i.test(message)) return { exitCode: 127, message };
  if (/permission denied|is a directory/i.test(message)) return { exitCode: 126, message };
  throw error;
}

/** SIGTERM, ten seconds, SIGKILL; or SIGKILL at once. */
export async function endContainer(
  container: Docker.Container,
  ended: Promise<unknown>,
  kill: boolean,
): Promise<void> {
  const gone = (error: unknown) => {
    // It ended by itself meanwhile.
    if (statusOf(error) !== 409 && statusOf(error) !== 404 && statusOf(error) !== 304) throw error;
  };
  if (!kill) {
    await within(container.kill({ signal: "SIGTERM" })).catch(gone);
    const stopped = await Promise.race([
      ended.then(() => true),
      sleep(STOP_SECONDS * 1_000, false, { ref: false }),
    ]);
    if (stopped) return;
  }
  await within(container.kill({ signal: "SIGKILL" })).catch(gone);
  await within(ended, END_MS);
}

import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { describe } from "../errors.ts";
import { STOP_SECONDS } from "./container.ts";
import { statusOf, within } from "./engine.ts";

/** After SIGKILL an engine has so long to say that the container ended. */
export const END_MS = 30_000;

/**
 * Starts a container.
 * @returns the exit code that a shell would give, with why, when the command itself cannot be run
 */
export async function startContainer(
  container: Docker.Container,
): Promise<{ exitCode: number; message: string } | null> {
  try {
    await within(container.start(), 2 * END_MS);
    return null;
  } catch (error) {
    const message = describe(error);
    if (statusOf(error) === null) throw error;
    if (/not found|no such file/i.test(message) && !/mount/i.test(message)) return { exitCode: 127, message };
    if (/permission denied|is a directory/i.test(message) && !/mount/i.test(message))
      return { exitCode: 126, message };
    throw error;
  }
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

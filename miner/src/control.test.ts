import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askRunning, type Controlled, openControl, stopRunning } from "./control.ts";

const STATUS = {
  version: "1.0.0",
  startedAt: new Date(0).toISOString(),
  connected: true,
  draining: false,
  active: 0,
  attempts: [],
  models: [],
  jobs: false,
};

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "control-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

/** A node that closes its control `ms` after it was told to stop. */
async function openNode(ms = 0, onEnd = () => {}): Promise<{ gone: Promise<void> }> {
  const told = Promise.withResolvers<void>();
  const node: Controlled = { status: () => STATUS, drain: () => {}, stop: told.resolve };
  const close = await openControl(dir, node);
  const gone = told.promise
    .then(() => sleep(ms))
    .then(onEnd)
    .then(close);
  return { gone };
}

describe("the control of a running node", () => {
  it("answers whoever asks while it ends, or is simply not there, thirty times over", async () => {
    for (let round = 0; round < 30; round++) {
      const { gone } = await openNode();
      const asking = Array.from({ length: 8 }, async (_, at) => {
        await sleep(at % 4);
        return askRunning(dir);
      });
      await stopRunning(dir);
      for (const running of await Promise.all(asking))
        if (running !== null) expect(running).toMatchObject({ pid: process.pid, connected: true });
      await gone;
      expect(await askRunning(dir)).toBeNull();
    }
  });

  it("waits until a node that takes its time is gone, and takes one that is gone for stopped", async () => {
    let over = false;
    const { gone } = await openNode(600, () => {
      over = true;
    });
    await stopRunning(dir);
    expect(over).toBe(true);
    await gone;
    await stopRunning(dir);
  });

  it("does not take a node that breaks off for one that is stopped", async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((done) => server.listen(join(dir, "control.sock"), done));
    await expect(askRunning(dir)).rejects.toThrow("does not answer");
    await new Promise((done) => server.close(done));
    expect(await askRunning(dir)).toBeNull();
  });
});

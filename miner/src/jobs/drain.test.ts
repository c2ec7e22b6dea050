import { mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { startDocker } from "../../../scripts/testing/docker.ts";
import { createLogger } from "../logger.ts";
import { resolveJobs } from "./config.ts";
import { Jobs } from "./jobs.ts";
import { removeFolder } from "./outputs.ts";
import { JobsApi } from "./testing/jobs-api.ts";
import { script } from "./testing/work.ts";
import { account, soundWork } from "./testing/world.ts";

const log = createLogger({ json: true, level: process.env.AIFORGE_TEST_LOG ?? "silent" });
const docker = await startDocker();
const PATIENCE = { timeout: 90_000, interval: 50 };
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

describe.runIf(docker)("a node that drains while a job runs", () => {
  afterAll(() => docker!.stop());

  it("says so, brings the job to its end, and takes work again when told", async () => {
    const api = await JobsApi.start();
    const dataDir = await mkdtemp(join(tmpdir(), "drain-"));
    let changes = 0;
    const jobs = new Jobs({
      config: resolveJobs({ jobs: "on", dockerHost: docker!.host }),
      apiUrl: api.url,
      dataDir,
      account,
      token: () => "token",
      engineOf: () => null,
      onChange: () => {
        changes += 1;
      },
      log,
      backoffBaseMs: 20,
      pollMs: 200,
    });
    try {
      const command = script(`
        import { writeFileSync } from "node:fs";
        console.log("running");
        await new Promise((resolve) => setTimeout(resolve, 3000));
        writeFileSync("/out/done", "done");
      `);
      const kept = api.offer(soundWork(docker!.image, { command }));
      await jobs.start();
      await vi.waitFor(() => expect(JobsApi.text(kept)).toBe("running\n"), PATIENCE);
      const before = changes;
      jobs.drain(true);
      expect(jobs.capability).toMatchObject({ enabled: true, draining: true });
      expect(changes, "the API is told").toBeGreaterThan(before);
      expect(jobs.attempts, "what drain waits for").toEqual([kept.work.attemptId]);
      await vi.waitFor(() => expect(jobs.attempts).toEqual([]), PATIENCE);
      expect(kept).toMatchObject({ state: "finished", finish: { exitCode: 0, failure: null } });
      expect(kept.files.get("done")?.toString()).toBe("done");
      expect(await readdir(join(dataDir, "jobs"))).toEqual([]);
      jobs.drain(false);
      expect(jobs.capability).toMatchObject({ enabled: true, draining: false });
    } finally {
      await jobs.close();
      await api.stop();
      await removeFolder(dataDir);
    }
  });
});

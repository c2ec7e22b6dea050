import { execFile } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { startDocker } from "../../../scripts/testing/docker.ts";
import { startRegistry, type TestRegistry } from "../../../scripts/testing/registry.ts";
import { createLogger } from "../logger.ts";
import { ContainerEngine, LABELS } from "./engine.ts";
import { findImage } from "./images.ts";
import { removeFolder } from "./outputs.ts";
import type { RunEnd, Work } from "./protocol.ts";
import { JobRunner } from "./runner.ts";
import { Told } from "./testing/told.ts";
import { script, workOf } from "./testing/work.ts";

const run = promisify(execFile);
const log = createLogger({ json: true, level: process.env.AIFORGE_TEST_LOG ?? "silent" });
const docker = await startDocker();
const registry = docker && (await startRegistry());
const LAYER = 3 << 20;
// An engine waits five seconds before it tries a layer again.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 });

describe.runIf(registry)("a job's image from a registry", () => {
  const { host, faults } = registry as TestRegistry;
  const sound = { ...faults };
  let engine: ContainerEngine;
  let root: string;
  let digest: string;

  const cli = async (...args: string[]) => (await run("docker", ["-H", docker!.host, ...args])).stdout.trim();

  /** Makes an image that is `localhost/node:1` and a layer that no other has, and pushes it. @returns its digest */
  async function push(name: string): Promise<string> {
    const file = join(root, "layer");
    await writeFile(file, randomBytes(LAYER));
    const container = await cli("create", "localhost/node:1");
    await cli("cp", file, `${container}:/layer`);
    await cli("commit", container, `${host}/${name}:1`);
    await cli("rm", container);
    const pushed = await cli("push", `${host}/${name}:1`);
    return /sha256:[0-9a-f]{64}/.exec(pushed)![0];
  }

  /** The engine forgets it, but not that it has the layers of `localhost/node:1`. */
  async function forget(): Promise<void> {
    const images = await cli("images", "--no-trunc", "-q", "--filter", `reference=${host}/*`);
    for (const id of new Set(images.split("\n").filter(Boolean))) await cli("rmi", "-f", id);
  }

  async function perform(image: string, change: Partial<Work> = {}): Promise<{ end: RunEnd; told: Told }> {
    const runner = new JobRunner({
      engine,
      labels: { [LABELS.folder]: "registry-test" },
      fetchInputs: async () => {},
      openSocket: () => Promise.reject(new Error("no model")),
      network: null,
      log,
    });
    const command = script(`
      import { statSync } from "node:fs";
      console.log(statSync("/layer").size);
    `);
    const work = workOf("", { image, command }, change);
    const told = new Told();
    const end = await runner.run(work, join(root, work.attemptId), [], told, new AbortController().signal);
    return { end, told };
  }

  beforeAll(async () => {
    engine = await ContainerEngine.open(docker!.host);
    root = await mkdtemp(join(tmpdir(), "registry-test-"));
    digest = await push("node");
    await forget();
  });
  afterEach(async () => {
    Object.assign(faults, sound);
    await forget();
  });
  afterAll(async () => {
    await registry!.stop();
    await docker!.stop();
    await removeFolder(root);
  });

  it("is fetched by its digest, shows how far it is, and runs; what it took is no time of the job's", async () => {
    faults.pieceMs = 40;
    const image = `${host}/node@${digest}`;
    expect(await findImage(engine, image)).toBeNull();
    const since = performance.now();
    const { end, told } = await perform(image);
    const ms = performance.now() - since;
    expect(end).toMatchObject({ exitCode: 0, failure: null });
    expect(told.texts.stdout).toBe(`${LAYER}\n`);
    expect(told.texts.system).toMatch(/^Fetching the image: \d+ %\n/);
    expect(end.containerSeconds * 1_000).toBeLessThan(ms - 1_000);
    expect(await findImage(engine, image)).toMatchObject({ digest: image });
    // It is here now.
    faults.silent = true;
    expect((await perform(image)).end.exitCode).toBe(0);
  });

  it("goes on after its connection was cut midway", async () => {
    Object.assign(faults, { cutAfter: LAYER / 2, cuts: 1 });
    expect((await perform(`${host}/node@${digest}`)).end).toMatchObject({ exitCode: 0, failure: null });
    expect(faults.cuts).toBe(0);
  });

  it("is missing when the registry does not have that digest, or sends something else", async () => {
    const unknown = await perform(`${host}/node@sha256:${"ab".repeat(32)}`);
    expect(unknown.end.failure).toMatchObject({
      code: "image_missing",
      message: expect.stringMatching(/cannot be fetched: .*(not found|unknown)/),
    });
    faults.wrong = true;
    const other = await perform(`${host}/node@${digest}`);
    expect(other.end.failure).toMatchObject({
      code: "image_missing",
      message: expect.stringMatching(/cannot be fetched: .*(verification|digest)/),
    });
    expect(await findImage(engine, `${host}/node@${digest}`)).toBeNull();
  });

  it.each([
    ["stalls in a layer", { stallAfter: LAYER / 2 }],
    ["answers nothing", { silent: true }],
  ])("does not hold a job for longer than its set-up may take when the registry %s", async (_, fault) => {
    Object.assign(faults, fault);
    const { end } = await perform(`${host}/node@${digest}`, { setupSeconds: 3 });
    expect(end).toMatchObject({ failure: { code: "setup_time_limit" }, exitCode: null, containerSeconds: 0 });
    // Nothing of it lingers in the engine: with the registry well again, the next attempt has it.
    Object.assign(faults, sound);
    expect((await perform(`${host}/node@${digest}`)).end).toMatchObject({ exitCode: 0, failure: null });
  });

  it("is missing when the registry is gone", async () => {
    await registry!.die();
    const { end } = await perform(`${host}/${randomUUID()}@${digest}`);
    expect(end.failure).toMatchObject({
      code: "image_missing",
      message: expect.stringContaining("connection refused"),
    });
  });
});

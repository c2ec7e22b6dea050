import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../../../../scripts/testing/postgres.ts";
import { createClient, createConfig, getModel } from "../../../client/index.ts";
import { buildGguf } from "../../testing/gguf.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { createModel, holdersOf, metadata } from "../../testing/uploads.ts";
import { registerUser } from "../../testing/users.ts";

const MIB = 1024 ** 2;

let api: TestApi;
let dataDir: string;
let running: ChildProcess | undefined;
beforeAll(async () => {
  api = await createTestApi();
  dataDir = await mkdtemp(join(tmpdir(), "aiforge-crash-"));
});
afterAll(async () => {
  running?.kill("SIGKILL");
  await api.close();
  await rm(dataDir, { recursive: true, force: true });
});

/** The api as its own process, on the run's database. */
async function startProcess(): Promise<{ baseUrl: string; kill: () => Promise<void> }> {
  const port = await freePort();
  const child = spawn(process.execPath, [fileURLToPath(new URL("../../main.ts", import.meta.url))], {
    stdio: "inherit",
    env: {
      ...process.env,
      DATABASE_URL: api.deps.config.DATABASE_URL,
      RPC_URL_31337: api.rpcUrl,
      AUTH_SECRET: api.deps.config.AUTH_SECRET,
      WEIGHTS_SECRET: api.deps.config.WEIGHTS_SECRET,
      API_PORT: String(port),
      DATA_DIR: dataDir,
      LOG_LEVEL: "error",
    },
  });
  running = child;
  const baseUrl = `http://127.0.0.1:${port}`;
  await eventually("the api's start", () =>
    fetch(`${baseUrl}/api/health`).then(
      () => true,
      () => false,
    ),
  );
  return {
    baseUrl,
    kill: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

it("goes on after kill -9, in the middle of an upload and in the middle of processing it", async () => {
  const creator = await registerUser(api);
  const { id } = await createModel(creator);
  const file = buildGguf({ shape: [BigInt(MIB), 24n] });
  const authorization = `Bearer ${creator.token}`;
  const send = (
    url: string,
    method: string,
    headers: Record<string, string>,
    body?: Uint8Array<ArrayBuffer>,
  ) => fetch(url, { method, body, headers: { authorization, "tus-resumable": "1.0.0", ...headers } });
  const patch = (url: string, from: number, to: number) =>
    send(
      url,
      "PATCH",
      { "upload-offset": String(from), "content-type": "application/offset+octet-stream" },
      file.slice(from, to),
    );

  const first = await startProcess();
  const created = await send(`${first.baseUrl}/api/uploads`, "POST", {
    "upload-length": String(file.length),
    "upload-metadata": metadata({ modelId: id, filename: "large.gguf" }),
  });
  expect(created.status).toBe(201);
  const path = created.headers.get("location")!;
  expect((await patch(first.baseUrl + path, 0, 50 * MIB)).status).toBe(204);
  await first.kill();

  const second = await startProcess();
  const head = await send(second.baseUrl + path, "HEAD", {});
  expect(head.headers.get("upload-offset")).toBe(String(50 * MIB));
  expect((await patch(second.baseUrl + path, 50 * MIB, file.length)).status).toBe(204);
  const client = createClient(createConfig({ baseUrl: second.baseUrl, auth: () => creator.token }));
  const { data } = await getModel({ client, path: { id } });
  expect(data?.file?.state).toBe("processing");
  await second.kill();
  // What was uploaded lies in the staging folder alone, and no half file under its final name.
  expect(await holdersOf(dataDir, file.subarray(0, 64))).toEqual([`uploads/${path.split("/").at(-1)}`]);
  const uploadId = path.split("/").at(-1)!;
  const stored = () => readdir(join(dataDir, "weights")).catch((): string[] => []);
  expect(await stored()).not.toContain(uploadId);

  const third = await startProcess();
  client.setConfig({ baseUrl: third.baseUrl });
  const ready = await eventually("the processing after the restart", async () => {
    const model = await getModel({ client, path: { id } });
    return model.data?.file?.state === "ready" ? model.data.file : null;
  });
  expect(ready.size).toBe(file.length);
  const weights = await send(`${third.baseUrl}/api/models/${id}/weights`, "GET", {});
  expect(weights.headers.get("x-cid")).toBe(ready.cid);
  expect(Buffer.from(await weights.arrayBuffer()).equals(file)).toBe(true);
  await eventually("the staged file is gone", async () => {
    return (await holdersOf(dataDir, file.subarray(0, 64))).length === 0;
  });
  const kept = (await stored()).filter((name) => name.startsWith(uploadId));
  expect(kept).toEqual([uploadId]);
  await third.kill();
}, 180_000);

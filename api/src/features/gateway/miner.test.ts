import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { fundedUser, pay, quotePublish } from "../../testing/market.ts";
import { listen, servingNodes } from "../../testing/node-peer.ts";
import { createModel, uploadFile, uploadVersion } from "../../testing/uploads.ts";
import { bodyOf, type TestWalletUser } from "../../testing/users.ts";
import type { ModelView } from "../models/shapes.ts";

const root = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

/** Generous: the machine may be busy with much else. */
const WAIT_MS = 90_000;

let api: TestApi;
let server: Awaited<ReturnType<typeof listen>>;
let miner: ChildProcess;
let dataDir: string;
let model: ModelView;
let client: OpenAI;
let user: TestWalletUser;
const log: string[] = [];

/**
 * The whole way with real parts: upload, publish, the miner's own command, the embedded engine. The weights are
 * protected, as by default, so the node is one that the operator verified.
 */
beforeAll(async () => {
  const minerKey = generatePrivateKey();
  api = await createTestApi({ VERIFIED_NODE_WALLETS: privateKeyToAddress(minerKey) }, { poll: 500 });
  server = await listen(api);
  user = await fundedUser(api);
  model = await createModel(user, "Tiny for real");
  const bytes = new Uint8Array(await readFile(root("models/tiny-chat-q8_0.gguf")));
  expect((await uploadFile(api, user, model.id, bytes)).state).toBe("ready");
  await pay(api, user.wallet, await quotePublish(user, model.id));
  const listed = async () =>
    (await bodyOf<ModelView>(await user.call("GET", `/api/models/${model.id}`))).onchain?.listed;
  await eventually("the model is mirrored", listed, WAIT_MS);
  dataDir = await mkdtemp(join(tmpdir(), "aiforge-miner-"));
  const args = [
    "start",
    "--api-url",
    server.url,
    "--data-dir",
    dataDir,
    "--name",
    "real",
    "--gpu",
    "off",
    // The run's other models have lost their files with the api instances that stored them.
    "--models",
    model.id,
    "--json",
  ];
  miner = spawn(process.execPath, [root("miner/bin/aiforge-miner.mjs"), ...args], {
    env: { ...process.env, AIFORGE_MINER_KEY: minerKey },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [miner.stdout, miner.stderr]) stream?.on("data", (text) => log.push(String(text)));
  await eventually(
    "the miner serves the model",
    async () => {
      if (miner.exitCode !== null) throw new Error(`The miner ended:\n${log.join("")}`);
      return (await servingNodes(api, model.id)) > 0;
    },
    WAIT_MS,
  ).catch((error) => {
    throw new Error(`${error}\n${log.join("").slice(-4000)}`);
  });
  const response = await user.call("POST", "/api/keys", { name: "sdk" });
  const { secret } = await bodyOf<{ secret: string }>(response);
  client = new OpenAI({ apiKey: secret, baseURL: `${server.url}/api/v1`, maxRetries: 0 });
}, 240_000);
afterAll(async () => {
  if (miner && miner.exitCode === null && miner.signalCode === null) {
    miner.kill("SIGTERM");
    await once(miner, "exit");
  }
  await server?.close();
  await api?.close();
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

const question = [{ role: "user" as const, content: "What is the capital of France?" }];

test("a real model answers, at once and as a stream, with the engine's own usage", async () => {
  const whole = await client.chat.completions.create({
    model: model.slug,
    messages: question,
    temperature: 0,
  });
  expect(whole.choices[0]?.message.content).toContain("Paris");
  expect(whole.choices[0]?.finish_reason).toBe("stop");
  const stream = await client.chat.completions.create({
    model: model.id,
    messages: question,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let chunks = 0;
  let usage: OpenAI.CompletionUsage | undefined;
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.content;
    if (piece) chunks++;
    text += piece ?? "";
    usage = chunk.usage ?? usage;
  }
  expect(text).toBe(whole.choices[0]?.message.content);
  expect(chunks).toBeGreaterThan(1);
  expect(usage).toEqual(whole.usage);
  expect(usage?.prompt_tokens).toBeGreaterThan(5);
});

test("max_tokens cuts the answer, and a conversation over the context is refused", async () => {
  const cut = await client.chat.completions.create({ model: model.slug, messages: question, max_tokens: 2 });
  expect(cut.choices[0]?.finish_reason).toBe("length");
  expect(cut.usage?.completion_tokens).toBe(2);
  const long = [{ role: "user" as const, content: "A fox ran over the hill. ".repeat(1000) }];
  await expect(client.chat.completions.create({ model: model.slug, messages: long })).rejects.toMatchObject({
    status: 413,
    code: "context_length_exceeded",
  });
});

test("an abort stops the engine: its usage row says cancelled, with the tokens made until then", async () => {
  interface Row {
    outcome: string;
    completionTokens: number | null;
  }
  const rows = async () => (await bodyOf<{ usage: Row[] }>(await user.call("GET", "/api/keys/usage"))).usage;
  const stopped = async () => {
    const before = (await rows()).length;
    const stream = await client.chat.completions.create({
      model: model.slug,
      messages: [{ role: "user", content: "Tell me a story about a fox and a lantern." }],
      stream: true,
    });
    for await (const _ of stream) break;
    await eventually("the row is written", async () => (await rows()).length > before);
    return (await rows()).find(({ outcome }) => outcome === "cancelled");
  };
  // On a busy machine the story may be at its end before it can be stopped.
  const row = await eventually("an abort comes in time", stopped, WAIT_MS);
  expect(row.completionTokens).not.toBeNull();
});

test("a chat goes past the context without the user noticing", async () => {
  const { id } = await bodyOf<{ id: string }>(
    await user.call("POST", "/api/chat/conversations", { modelId: model.id }),
  );
  for (let turn = 0; turn < 6; turn++) {
    const response = await user.call("POST", `/api/chat/conversations/${id}/messages`, {
      content: `Tell me a short story about a fox. ${"It is cold in the hills. ".repeat(20)}`,
    });
    expect(await response.text()).toContain('"type":"done"');
  }
});

test("while a new version takes over every call is answered, and its receipt names the weights that answered", async () => {
  // The same model in another file: what follows the tensors is nobody's.
  const bytes = new Uint8Array(
    Buffer.concat([await readFile(root("models/tiny-chat-q8_0.gguf")), Buffer.alloc(4_096)]),
  );
  const before =
    model.file ?? (await bodyOf<ModelView>(await user.call("GET", `/api/models/${model.id}`))).file;
  const made = await uploadVersion(api, user, model.id, bytes, "Padded");
  expect(made).toMatchObject({ number: 2, state: "ready", served: false });
  const named = async () => {
    const answer = await client.chat.completions.create({
      model: model.slug,
      messages: question,
      temperature: 0,
    });
    expect(answer.choices[0]?.message.content).toContain("Paris");
    const { rows } = await api.deps.db.$client.query<{ cid: string }>(
      "SELECT weights_cid AS cid FROM app.usage WHERE model_id = $1 ORDER BY ended_at DESC LIMIT 1",
      [model.id],
    );
    return rows[0]?.cid;
  };
  const receipts = [await named()];
  expect((await user.call("POST", `/api/models/${model.id}/versions/2/serve`)).status).toBe(200);
  await eventually(
    "the new version answers",
    async () => {
      receipts.push(await named());
      return receipts.at(-1) === made.cid;
    },
    WAIT_MS,
  );
  const at = receipts.indexOf(made.cid ?? "");
  expect(new Set(receipts.slice(0, at))).toEqual(new Set([before?.cid]));
  expect(receipts[0]).toBe(before?.cid);
}, 240_000);

test("a miner that is killed mid-stream gives an error event", async () => {
  const stream = await client.chat.completions.create({
    model: model.slug,
    messages: [{ role: "user", content: "Tell me a story about a brave fox." }],
    stream: true,
  });
  const read = async () => {
    for await (const _ of stream) miner.kill("SIGKILL");
  };
  await expect(read()).rejects.toMatchObject({ code: "node_lost" });
});

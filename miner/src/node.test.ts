import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { privateKeyToAccount } from "viem/accounts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RawOptions, resolveConfig } from "./config.ts";
import { createLogger } from "./logger.ts";
import { runNode } from "./node.ts";
import type { WantedModel } from "./protocol.ts";
import { MODEL_ID, TestApi, TWIN_ID, wantedTiny } from "./testing/api.ts";
import { TINY } from "./testing/model.ts";
import { fingerprint } from "./weights/fingerprint.ts";

// The well-known account 7 of the local chain.
const account = privateKeyToAccount("0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356");
const log = createLogger({ json: true, level: process.env.AIFORGE_TEST_LOG ?? "silent" });
const STORY = "Tell me a story about a fox and a lantern.";

let api: TestApi;
let dataDir: string;
let stop: AbortController;
let running: Promise<void>;

function startNode(options: Partial<RawOptions> = {}): void {
  const raw: RawOptions = {
    apiUrl: api.url,
    name: "test node",
    dataDir,
    engine: "embedded",
    gpu: "off",
    context: "8192",
    concurrency: "2",
    models: "all",
    ...options,
  };
  stop = new AbortController();
  running = runNode(resolveConfig(raw, {}), account, log, stop);
}

beforeEach(async () => {
  api = await TestApi.start();
  dataDir = await mkdtemp(join(tmpdir(), "node-"));
});
afterEach(async () => {
  stop.abort();
  await running.catch(() => {});
  await api.stop();
  await rm(dataDir, { recursive: true });
});

describe("a node", () => {
  it("registers, says hello, beats, fetches, loads and answers", async () => {
    startNode();
    const peer = await api.peer();
    expect(await peer.next("hello")).toMatchObject({ capacity: 2, models: [] });
    expect(peer.frames[0]?.type).toBe("hello");
    const beat = await peer.next("heartbeat");
    expect(beat.cpu.cores).toBeGreaterThan(0);
    expect(beat.memory.total).toBeGreaterThan(beat.memory.free);
    expect(beat).toMatchObject({ active: 0, gpus: expect.any(Array) });
    await peer.ready();
    const states = peer.frames.flatMap((frame) => (frame.type === "models" ? frame.models : []));
    expect(new Set(states.map(({ state }) => state))).toEqual(new Set(["fetching", "loading", "ready"]));
    peer.ask("a", "ping");
    expect(await peer.end("a")).toEqual({
      text: "pong",
      end: {
        type: "done",
        id: "a",
        cid: TINY.cid,
        usage: { promptTokens: 10, completionTokens: 2 },
        finishReason: "stop",
      },
    });
    expect(api.registrations).toMatchObject([
      { address: account.address, name: "test node", capabilities: { engine: "embedded", capacity: 2 } },
    ]);
  });

  it("answers a ping, and an inference that it cannot read", async () => {
    startNode();
    const peer = await api.peer();
    peer.send({ type: "ping" });
    await peer.next("pong");
    peer.send({ type: "from the future" });
    peer.socket.send("{not json");
    peer.send({ type: "inference", id: "bad", modelId: MODEL_ID, request: { messages: "none" } });
    expect((await peer.end("bad")).end).toMatchObject({ code: "engine_failed" });
  });

  it("refuses beyond its capacity and takes up again after a cancel", async () => {
    startNode();
    const peer = await api.peer();
    await peer.ready();
    for (const id of ["a", "b", "c"]) peer.ask(id, STORY, { temperature: 1.2 });
    expect((await peer.end("c")).end).toMatchObject({ type: "error", code: "busy" });
    await peer.next("delta", ({ id }) => id === "a");
    peer.send({ type: "cancel", id: "a" });
    const { end } = await peer.end("a");
    if (end.type === "done" && end.finishReason === "cancelled") {
      const before = peer.text("a");
      peer.ask("d", "ping");
      expect((await peer.end("d")).text).toBe("pong");
      expect(peer.text("a"), "silence after the cancel").toBe(before);
    }
    expect(end).toMatchObject({ type: "done" });
    peer.send({ type: "cancel", id: "unknown" });
  });

  it("says what it does not serve, and when a conversation is too long", async () => {
    startNode();
    const peer = await api.peer();
    peer.ask("early", "ping", {}, TWIN_ID);
    expect((await peer.end("early")).end).toMatchObject({ code: "model_not_loaded" });
    await peer.ready();
    peer.ask("long", "word ".repeat(3_000));
    expect((await peer.end("long")).end).toMatchObject({ code: "context_length_exceeded" });
  });

  it("drops every generation with the link and comes back with its token and models", async () => {
    startNode();
    const first = await api.peer();
    await first.ready();
    first.ask("a", STORY);
    await first.next("delta");
    first.raw.destroy();
    const second = await api.peer(1);
    expect((await second.next("hello")).models).toEqual([MODEL_ID]);
    // Both places are free: what the lost link asked for was stopped.
    for (const id of ["b", "c"]) second.ask(id, "ping");
    expect((await second.end("b")).text).toBe("pong");
    expect((await second.end("c")).text).toBe("pong");
    expect(second.text("a")).toBe("");
    expect(api.registrations.length).toBe(1);
    expect(api.weightsRequests).toBe(1);
  });

  it("registers again when its token is refused", async () => {
    startNode();
    const peer = await api.peer();
    await peer.next("hello");
    api.tokens.clear();
    peer.raw.destroy();
    await api.peer(1);
    expect(api.registrations.length).toBe(2);
  });

  it("keeps dialling an API that is down, and starts with it", async () => {
    api.failWith = 503;
    startNode();
    await sleep(300);
    expect(api.registrations.length).toBe(0);
    api.failWith = null;
    await (await api.peer()).next("hello");
  });

  it("ends with a sentence when the API refuses it for good", async () => {
    api.failWith = 403;
    startNode();
    await expect(running).rejects.toThrow(/403.*Refused\. Try again later\./);
  });

  it("signs nothing but its own registration", async () => {
    api.statement = "Sign in to AIForge.";
    startNode();
    await expect(running).rejects.toThrow(/something else than registering/);
    expect(api.registrations).toEqual([]);
  });

  it("uses token and weights of the last start", async () => {
    startNode();
    await (await api.peer()).ready();
    stop.abort();
    await running;
    const [file] = await readdir(join(dataDir, "tokens"));
    expect((await readFile(join(dataDir, "tokens", file!), "utf8")).trim()).toBe("token-1");
    startNode();
    await (await api.peer(1)).ready();
    expect(api.registrations.length).toBe(1);
    expect(api.weightsRequests).toBe(1);
  });

  it("fetches and loads once what two models share, and follows the list of wanted models", async () => {
    api.wanted = [wantedTiny(), wantedTiny(TWIN_ID)];
    startNode();
    const peer = await api.peer();
    await Promise.all([peer.ready(), peer.ready(TWIN_ID)]);
    expect(api.weightsRequests).toBe(1);
    peer.ask("a", STORY);
    await peer.next("delta");
    peer.send({ type: "wanted", wanted: [wantedTiny(TWIN_ID)] });
    await peer.next("models", ({ models }) => models.length === 1 && models[0]?.modelId === TWIN_ID);
    expect((await peer.end("a")).end, "what runs is finished").toMatchObject({ finishReason: "stop" });
    peer.ask("b", "ping");
    expect((await peer.end("b")).end).toMatchObject({ code: "model_not_loaded" });
    peer.ask("c", "ping", {}, TWIN_ID);
    expect((await peer.end("c")).text).toBe("pong");
    peer.send({ type: "wanted", wanted: [] });
    await peer.next("models", ({ models }) => models.length === 0);
    peer.send({ type: "wanted", wanted: [wantedTiny()] });
    peer.frames.length = 0;
    await peer.ready();
    peer.ask("d", "ping");
    expect((await peer.end("d")).text).toBe("pong");
    expect(api.weightsRequests).toBe(1);
  });

  it("answers with the old version until the new one is ready, and says with which", async () => {
    startNode();
    const peer = await api.peer();
    await peer.ready();
    // The same model in another file: what follows the tensors is nobody's.
    const bytes = Buffer.concat([await readFile(TINY.path), Buffer.alloc(4_096)]);
    const { cid, sha256, size } = await fingerprint(Readable.from([bytes]));
    const next: WantedModel = { ...wantedTiny(), cid, sha256, size, weightsUrl: "/next" };
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    api.weights.set("/next", promise);
    const answered = async (id: string) => {
      peer.ask(id, "ping");
      const { text, end } = await peer.end(id);
      expect(text).toBe("pong");
      const [delta] = peer.frames.filter((frame) => frame.type === "delta" && frame.id === id);
      expect(end).toMatchObject({ type: "done", cid: delta?.type === "delta" ? delta.cid : null });
      return end.type === "done" ? end.cid : null;
    };
    peer.frames.length = 0;
    peer.send({ type: "wanted", wanted: [next] });
    expect(await answered("a")).toBe(TINY.cid);
    // Back to the first, and on again: nothing of it was ever not served.
    peer.send({ type: "wanted", wanted: [wantedTiny()] });
    expect(await answered("b")).toBe(TINY.cid);
    peer.send({ type: "wanted", wanted: [next] });
    peer.ask("c", STORY);
    await peer.next("delta", ({ id }) => id === "c");
    resolve(bytes);
    await peer.next("models", ({ models }) => models[0]?.cid === cid);
    expect(await answered("d")).toBe(cid);
    expect((await peer.end("c")).end, "what the old one was asked it answers to the end").toMatchObject({
      cid: TINY.cid,
      finishReason: "stop",
    });
    const told = peer.frames.flatMap((frame) => (frame.type === "models" ? frame.models : []));
    expect(new Set(told.map(({ state }) => state))).toEqual(new Set(["ready"]));
    expect(api.weightsRequests).toBe(1);
  });

  it("serves only what its operator chose", async () => {
    api.wanted = [wantedTiny(), wantedTiny(TWIN_ID)];
    startNode({ models: TWIN_ID });
    const peer = await api.peer();
    await peer.ready(TWIN_ID);
    const told = peer.frames.flatMap((frame) => (frame.type === "models" ? frame.models : []));
    expect(told.some(({ modelId }) => modelId === MODEL_ID)).toBe(false);
  });

  it("reports weights that are not what was announced as failed, and serves the others", async () => {
    api.wanted = [{ ...wantedTiny(), sha256: "0".repeat(64), cid: wantedTiny().cid }, wantedTiny(TWIN_ID)];
    api.wanted[0]!.cid = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
    startNode();
    const peer = await api.peer();
    await peer.next("models", ({ models }) =>
      models.some((m) => m.modelId === MODEL_ID && m.state === "failed"),
    );
    await peer.ready(TWIN_ID);
  });
});

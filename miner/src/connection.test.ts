import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ConnectionParameters, type Link, stayConnected } from "./connection.ts";
import type { Engine } from "./engines/engine.ts";
import { createLogger } from "./logger.ts";
import { pieces, Serving } from "./serving.ts";
import { MODEL_ID, TestApi } from "./testing/api.ts";

const log = createLogger({ json: true, level: "silent" });
let api: TestApi;
let stop: AbortController;
let running: Promise<void>;

function connect(parameters: Partial<ConnectionParameters>): void {
  stop = new AbortController();
  running = stayConnected(
    {
      apiUrl: api.url,
      token: async () => "good",
      onOpen: () => {},
      onFrame: () => {},
      onClose: async () => {},
      log,
      backoffBaseMs: 10,
      ...parameters,
    },
    stop.signal,
  );
}

beforeEach(async () => {
  api = await TestApi.start();
  api.tokens.add("good");
});
afterEach(async () => {
  stop.abort();
  await running.catch(() => {});
  await api.stop();
});

describe("stayConnected", () => {
  it("gives up a peer that is silent, though its connection stands, and dials again", async () => {
    let closed = 0;
    connect({ pingMs: 50, onClose: async () => void closed++ });
    const peer = await api.peer();
    // The machine at the other end hangs: bytes are neither read nor answered.
    peer.raw.pause();
    await api.peer(1);
    expect(closed).toBe(1);
  });

  it("keeps a peer that only answers pings", async () => {
    connect({ pingMs: 30 });
    await api.peer();
    await sleep(400);
    expect(api.peers.length).toBe(1);
  });

  it("asks for another token after a refusal, once", async () => {
    const stale: boolean[] = [];
    connect({
      token: async (refused) => {
        stale.push(refused);
        return refused ? "good" : "bad";
      },
    });
    await api.peer();
    expect(stale).toEqual([false, true]);
  });

  it("closes in good order when it is told to stop", async () => {
    const opened = new Promise<void>((resolve) => connect({ onOpen: () => resolve() }));
    const peer = await api.peer();
    await opened;
    const closed = new Promise<number>((resolve) => peer.socket.on("close", resolve));
    stop.abort();
    await running;
    expect(await closed).toBe(1001);
  });
});

describe("a stalled connection", () => {
  it("pauses the generation instead of filling the memory, and goes on where it paused", async () => {
    let made = 0;
    // More text than any model makes, to fill the buffers between here and the peer.
    const firehose: Engine = {
      async *generate(_request, signal) {
        while (!signal.aborted && made < 4_000) {
          made += 1;
          yield "x".repeat(8_192);
        }
        return { usage: { promptTokens: 1, completionTokens: made }, finishReason: "stop" };
      },
      dispose: async () => {},
    };
    const serving = new Serving({ capacity: 1, servedOf: () => ({ engine: firehose, cid: "bafkrei" }), log });
    connect({
      onFrame: (frame, link: Link) => {
        if (frame.type === "inference") serving.start(frame, link);
      },
    });
    const peer = await api.peer();
    peer.raw.pause();
    peer.ask("a", "go", {}, MODEL_ID);
    let before = -1;
    while (made !== before) {
      before = made;
      await sleep(300);
    }
    expect(made).toBeGreaterThan(10);
    expect(made, "32 MB were asked for").toBeLessThan(2_500);
    expect(serving.active).toBe(1);
    peer.raw.resume();
    const { end, text } = await peer.end("a");
    expect(end).toMatchObject({ type: "done" });
    expect(text.length).toBe(4_000 * 8_192);
  }, 90_000);
});

describe("pieces", () => {
  it("cuts a long text without breaking a character", () => {
    expect(pieces("", 4)).toEqual([]);
    expect(pieces("abcdef", 4)).toEqual(["abcd", "ef"]);
    expect(pieces("abc😀d", 4)).toEqual(["abc", "😀d"]);
  });
});

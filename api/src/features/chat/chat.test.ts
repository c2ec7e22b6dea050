import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { readyModel } from "../../testing/market.ts";
import { type Inference, listen, type NodePeer, servingPeer } from "../../testing/node-peer.ts";
import { bodyOf, codeOf, registerUser, type TestUser } from "../../testing/users.ts";
import { answerTokens, fitTurns } from "./prompt.ts";
import { claimAnswer, extendClaim, releaseClaim } from "./queries.ts";
import type { ChatEvent, ConversationView, MessageView } from "./shapes.ts";

let api: TestApi;
let server: Awaited<ReturnType<typeof listen>>;
let user: TestUser;
let modelId: string;
let peer: NodePeer;

beforeAll(async () => {
  api = await createTestApi({}, { stall: 3_000, cancel: 1_000, queue: 200 });
  server = await listen(api);
  user = await registerUser(api);
  modelId = (await readyModel(api, user)).id;
});
beforeEach(async () => {
  if (peer?.socket.readyState !== 1) peer = await servingPeer(api, server.url, [modelId]);
  peer.onInference = (inference) => peer.answer(inference, ["Hello", " there"]);
});
afterAll(async () => {
  await server?.close();
  await api?.close();
});

async function converse(): Promise<ConversationView> {
  const response = await user.call("POST", "/api/chat/conversations", { modelId });
  expect(response.status).toBe(201);
  return bodyOf<ConversationView>(response);
}

const say = (id: string, content: string) =>
  user.call("POST", `/api/chat/conversations/${id}/messages`, { content });

async function* eventsOf(response: Response): AsyncGenerator<ChatEvent> {
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      yield JSON.parse(text.slice("data: ".length, end)) as ChatEvent;
      text = text.slice(end + 2);
    }
  }
}

async function allEvents(response: Response): Promise<ChatEvent[]> {
  const events: ChatEvent[] = [];
  for await (const event of eventsOf(response)) events.push(event);
  return events;
}

async function saved(id: string): Promise<{ conversation: ConversationView; messages: MessageView[] }> {
  return bodyOf(await user.call("GET", `/api/chat/conversations/${id}`));
}

test("an answer streams in, and conversation, messages, title and usage are there afterwards", async () => {
  const { id } = await converse();
  const events = await allEvents(await say(id, "  Tell me\n a story about a fox  "));
  expect(events.map(({ type }) => type)).toEqual(["start", "delta", "delta", "done"]);
  expect(events.at(-1)).toEqual({
    type: "done",
    usage: { promptTokens: 7, completionTokens: 2 },
    finishReason: "stop",
  });
  const { conversation, messages } = await saved(id);
  expect(conversation.title).toBe("Tell me a story about a fox");
  expect(messages.map(({ role, content, finishReason }) => [role, content, finishReason])).toEqual([
    ["user", "Tell me\n a story about a fox", null],
    ["assistant", "Hello there", "stop"],
  ]);
  await allEvents(await say(id, "And then?"));
  expect(
    peer
      .of("inference")
      .at(-1)
      ?.request.messages.map(({ role }) => role),
  ).toEqual(["user", "assistant", "user"]);
  const { usage } = await bodyOf<{ usage: { outcome: string; keyId: null }[] }>(
    await user.call("GET", "/api/keys/usage"),
  );
  expect(usage.slice(0, 2)).toMatchObject(Array(2).fill({ outcome: "served", keyId: null }));
  const listed = await bodyOf<{ conversations: ConversationView[] }>(
    await user.call("GET", "/api/chat/conversations"),
  );
  expect(listed.conversations[0]?.id).toBe(id);
});

test("Stop ends the node's work and keeps what was read; meanwhile a second send is refused", async () => {
  const { id } = await converse();
  let running: Inference | undefined;
  peer.onInference = (inference) => {
    running = inference;
    peer.send({ type: "delta", id: inference.id, text: "Once upon" });
    peer.socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      if (frame.type === "cancel" && frame.id === inference.id) peer.answer(inference, [], "cancelled");
    });
  };
  const events = eventsOf(await say(id, "A story"));
  await events.next();
  expect((await events.next()).value).toEqual({ type: "delta", text: "Once upon" });
  const second = await say(id, "Another");
  expect(second.status).toBe(409);
  expect(await codeOf(second)).toBe("already_answering");
  await events.return(undefined);
  const stopped = await eventually("the partial answer is saved", async () => {
    const { messages } = await saved(id);
    return messages.length === 2 ? messages[1] : null;
  });
  expect(stopped).toMatchObject({ content: "Once upon", finishReason: "stopped" });
  expect(peer.of("cancel").map((frame) => frame.id)).toContain(running?.id);
  peer.onInference = (inference) => peer.answer(inference, ["Fine"]);
  expect((await allEvents(await say(id, "Go on"))).at(-1)).toMatchObject({ type: "done" });
});

test("a node that dies is told as an error; the half answer is kept and the conversation goes on", async () => {
  const { id } = await converse();
  peer.onInference = (inference) => {
    peer.send({ type: "delta", id: inference.id, text: "Half" });
    setTimeout(() => peer.socket.terminate(), 30);
  };
  expect((await allEvents(await say(id, "Hi"))).at(-1)).toMatchObject({ type: "error", code: "node_lost" });
  expect((await saved(id)).messages[1]).toMatchObject({ content: "Half", finishReason: "error" });
  expect((await allEvents(await say(id, "Hi?"))).at(-1)).toMatchObject({ type: "error", code: "no_node" });
  peer = await servingPeer(api, server.url, [modelId]);
  expect((await allEvents(await say(id, "Hi!"))).at(-1)).toMatchObject({ type: "done" });
});

test("when the engine finds it too long, older turns are dropped; a message alone that is too long is told", async () => {
  const { id } = await converse();
  await allEvents(await say(id, "first"));
  await allEvents(await say(id, "second"));
  const limit = (most: number) => {
    peer.onInference = (inference) => {
      if (inference.request.messages.length <= most) peer.answer(inference, ["ok"]);
      else {
        const message = "too long";
        peer.send({ type: "error", id: inference.id, code: "context_length_exceeded", message });
      }
    };
  };
  limit(1);
  expect((await allEvents(await say(id, "x".repeat(1500)))).at(-1)).toMatchObject({ type: "done" });
  expect(peer.of("inference").at(-1)?.request.messages).toHaveLength(1);
  limit(0);
  expect((await allEvents(await say(id, "third"))).at(-1)).toMatchObject({
    type: "error",
    code: "context_length_exceeded",
  });
});

test("a conversation belongs to its owner; a stranger's model cannot be talked to", async () => {
  const { id } = await converse();
  const stranger = await registerUser(api);
  const path = `/api/chat/conversations/${id}`;
  expect((await stranger.call("GET", path)).status).toBe(404);
  expect((await stranger.call("DELETE", path)).status).toBe(404);
  expect((await stranger.call("POST", `${path}/messages`, { content: "hi" })).status).toBe(404);
  expect((await stranger.call("POST", "/api/chat/conversations", { modelId })).status).toBe(404);
  expect((await api.app.request(path)).status).toBe(401);
  expect((await say(id, "   ")).status).toBe(400);
  expect((await user.call("DELETE", path)).status).toBe(204);
  expect((await user.call("GET", path)).status).toBe(404);
});

test("what is asked fits the context: the newest turns, beginning with a user's, the last one always", () => {
  const turn = (role: "user" | "assistant", length: number) => ({ role, content: "x".repeat(length) });
  const turns = [turn("user", 300), turn("assistant", 300), turn("user", 300)];
  expect(fitTurns(turns, 1000)).toEqual(turns);
  expect(fitTurns(turns, 250)).toEqual(turns.slice(2));
  expect(fitTurns(turns, 10)).toEqual(turns.slice(2));
  expect(answerTokens(1024)).toBe(341);
});

test("a NUL in an answer does not lose it", async () => {
  const { id } = await converse();
  peer.onInference = (inference) => peer.answer(inference, ["One\0", "\0", " two"]);
  const events = await allEvents(await say(id, "Count"));
  expect(events.at(-1)).toMatchObject({ type: "done", finishReason: "stop" });
  expect((await saved(id)).messages.at(-1)).toMatchObject({ content: "One two", finishReason: "stop" });
});

test("a claim that is renewed too late stays released", async () => {
  const { id } = await converse();
  expect(await claimAnswer(api.deps.db, id, 45)).toBe(true);
  await releaseClaim(api.deps.db, id);
  await extendClaim(api.deps.db, id, 45);
  expect(await claimAnswer(api.deps.db, id, 45)).toBe(true);
});

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket } from "ws";

/**
 * The fixed upstream of the gateway's bench, in a process of its own: the same constant answer, at once, over HTTP
 * as an OpenAI-compatible server, and as a node over the node protocol.
 * Arguments: the api's address, the node's token, the model's id. Prints its port.
 */
const [apiUrl = "", token = "", modelId = ""] = process.argv.slice(2);
const TOKENS = Array.from({ length: 64 }, (_, at) => ` word${at}`);
const USAGE = { prompt_tokens: 9, completion_tokens: TOKENS.length, total_tokens: 9 + TOKENS.length };
const head = { id: "chatcmpl-bench", created: 0, model: "bench" };

const completion = JSON.stringify({
  ...head,
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: TOKENS.join("") }, finish_reason: "stop" }],
  usage: USAGE,
});
const chunk = (choice: object) =>
  `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices: [{ index: 0, ...choice }] })}\n\n`;
const chunks = [
  ...TOKENS.map((content) => chunk({ delta: { content }, finish_reason: null })),
  chunk({ delta: {}, finish_reason: "stop" }),
  "data: [DONE]\n\n",
];

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const { stream } = JSON.parse(Buffer.concat(parts).toString()) as { stream?: boolean };
    if (!stream) {
      response.setHeader("content-type", "application/json");
      response.end(completion);
      return;
    }
    response.setHeader("content-type", "text/event-stream");
    for (const each of chunks) response.write(each);
    response.end();
  });
});

// The pass-through keeps its connections from one measurement to the next.
server.keepAliveTimeout = 120_000;

const socket = new WebSocket(`${apiUrl.replace("http", "ws")}/api/nodes/connect`, {
  headers: { authorization: `Bearer ${token}` },
  perMessageDeflate: false,
});
const send = (frame: object) => socket.send(JSON.stringify(frame));
socket.on("open", () => {
  send({ type: "hello", version: "bench", capacity: 256, models: [modelId] });
  server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
});
socket.on("message", (data) => {
  const frame = JSON.parse(String(data)) as { type: string; id: string };
  if (frame.type === "ping") send({ type: "pong" });
  if (frame.type !== "inference") return;
  const { id } = frame;
  for (const text of TOKENS) send({ type: "delta", id, text });
  send({
    type: "done",
    id,
    usage: { promptTokens: USAGE.prompt_tokens, completionTokens: USAGE.completion_tokens },
    finishReason: "stop",
  });
});
socket.on("close", () => process.exit(0));

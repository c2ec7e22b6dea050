import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { sendMessage } from "./answer.ts";
import { createConversation, deleteConversation, getConversation, listConversations } from "./service.ts";
import {
  chatEventSchema,
  conversationSchema,
  createConversationBody,
  messageSchema,
  sendBody,
} from "./shapes.ts";
import { chatStream } from "./stream.ts";

const tags = ["Chat"];
const params = z.object({ id: z.uuid() });

const list = createRoute({
  method: "get",
  path: "/conversations",
  operationId: "listConversations",
  tags,
  summary: "The caller's conversations, the last used first",
  responses: {
    200: json(z.object({ conversations: z.array(conversationSchema) })),
    ...errorResponses(401),
  },
});

const create = createRoute({
  method: "post",
  path: "/conversations",
  operationId: "createConversation",
  tags,
  summary: "Begin a conversation with a model",
  request: { body: jsonBody(createConversationBody) },
  responses: { 201: json(conversationSchema, "Created"), ...errorResponses(400, 401, 404) },
});

const get = createRoute({
  method: "get",
  path: "/conversations/{id}",
  operationId: "getConversation",
  tags,
  summary: "A conversation with its messages",
  request: { params },
  responses: {
    200: json(z.object({ conversation: conversationSchema, messages: z.array(messageSchema) })),
    ...errorResponses(400, 401, 404),
  },
});

const remove = createRoute({
  method: "delete",
  path: "/conversations/{id}",
  operationId: "deleteConversation",
  tags,
  summary: "Delete a conversation for good",
  request: { params },
  responses: { 204: { description: "Deleted" }, ...errorResponses(400, 401, 404) },
});

const send = createRoute({
  method: "post",
  path: "/conversations/{id}/messages",
  operationId: "sendMessage",
  tags,
  summary: "Send a message; the answer streams back as server-sent events. Closing the request stops it.",
  request: { params, body: jsonBody(sendBody) },
  responses: {
    200: {
      description: "The answer's events, each as the JSON of one server-sent event",
      content: { "text/event-stream": { schema: chatEventSchema } },
    },
    ...errorResponses(400, 401, 402, 404, 409, 429),
  },
});

export function chatRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(list, async (c) =>
    c.json({ conversations: await listConversations(deps, requireUser(c).id) }, 200),
  );
  router.openapi(create, async (c) =>
    c.json(await createConversation(deps, requireUser(c).id, c.req.valid("json")), 201),
  );
  router.openapi(get, async (c) =>
    c.json(await getConversation(deps, requireUser(c).id, c.req.valid("param").id), 200),
  );
  router.openapi(remove, async (c) => {
    await deleteConversation(deps, requireUser(c).id, c.req.valid("param").id);
    return c.body(null, 204);
  });
  router.openapi(send, async (c) => {
    const user = requireUser(c);
    const abort = new AbortController();
    c.req.raw.signal.addEventListener("abort", () => abort.abort(), { once: true });
    const { content } = c.req.valid("json");
    const events = await sendMessage(deps, user.id, c.req.valid("param").id, content, abort.signal);
    return c.body(chatStream(events, abort), 200, {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-cache, no-transform",
      "X-Accel-Buffering": "no",
    });
  });
  return router;
}

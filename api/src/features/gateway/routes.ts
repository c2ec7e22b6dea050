import { randomUUID } from "node:crypto";
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { cors } from "hono/cors";
import { type AppEnv, createRouter, json, jsonBody, type Router } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import { bearerOf, requireKey } from "../keys/access.ts";
import { type Access, callableModels, requireAccess } from "./access.ts";
import { admit } from "./admission.ts";
import { inferenceAppError, modelNotFound } from "./errors.ts";
import type { ServedModel } from "./queries.ts";
import { type Caller, complete } from "./service.ts";
import {
  type ChatCompletionBody,
  chatCompletionBody,
  chatCompletionSchema,
  gatewayModelSchema,
  inferenceRequest,
  openAIErrorSchema,
} from "./shapes.ts";
import { collect, completionStream } from "./stream.ts";

const tags = ["Gateway"];
const security = [{ apiKey: [] }];
const errors = (...statuses: number[]) =>
  Object.fromEntries(statuses.map((status) => [status, json(openAIErrorSchema, "Error")]));

const listModels = createRoute({
  method: "get",
  path: "/models",
  operationId: "listGatewayModels",
  tags,
  security,
  summary: "The models that this key may call",
  responses: {
    200: json(z.object({ object: z.literal("list"), data: z.array(gatewayModelSchema) })),
    ...errors(401, 403, 429),
  },
});

const getModel = createRoute({
  method: "get",
  path: "/models/{model}",
  operationId: "getGatewayModel",
  tags,
  security,
  summary: "One model, by its name or id",
  request: { params: z.object({ model: z.string().max(200) }) },
  responses: { 200: json(gatewayModelSchema), ...errors(401, 402, 403, 404, 429) },
});

const createCompletion = createRoute({
  method: "post",
  path: "/chat/completions",
  operationId: "createChatCompletion",
  tags,
  security,
  summary: "Complete a chat, at once or as a stream of server-sent events",
  request: { body: jsonBody(chatCompletionBody) },
  responses: {
    200: {
      description: "The answer",
      content: {
        "application/json": { schema: chatCompletionSchema },
        "text/event-stream": { schema: z.string() },
      },
    },
    ...errors(400, 401, 402, 403, 404, 413, 429, 502, 503, 504),
  },
});

const EXPOSED = [
  "X-Request-Id",
  "Retry-After",
  ...["limit", "remaining", "reset"].flatMap((what) => [
    `x-ratelimit-${what}-requests`,
    `x-ratelimit-${what}-tokens`,
  ]),
];

/** The OpenAI-compatible gateway. */
export function gatewayRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openAPIRegistry.registerComponent("securitySchemes", "apiKey", { type: "http", scheme: "bearer" });
  // Any page may call with a key of its own; no cookie counts here.
  router.use("*", cors({ origin: "*", exposeHeaders: EXPOSED, maxAge: 86_400, credentials: false }));

  // Before validation, so that a stranger learns nothing but that a key is missing.
  const callers = new WeakMap<Request, KeyCaller>();
  router.use("*", async (c, next) => {
    const { id, userId, modelIds } = await requireKey(deps, bearerOf(c), "models");
    callers.set(c.req.raw, { userId, keyId: id, modelIds });
    await next();
  });
  const callerOf = (c: Context<AppEnv>) => callers.get(c.req.raw) as KeyCaller;

  router.openapi(listModels, async (c) => {
    const { userId, modelIds } = callerOf(c);
    const models = await callableModels(deps, userId);
    const data = models.filter(({ id }) => modelIds === null || modelIds.includes(id)).map(viewModel);
    return c.json({ object: "list" as const, data }, 200);
  });

  router.openapi(getModel, async (c) =>
    c.json(viewModel((await scopedAccess(deps, callerOf(c), c.req.valid("param").model)).model), 200),
  );

  router.openapi(createCompletion, async (c) => {
    const caller = callerOf(c);
    const body = c.req.valid("json");
    const access = await scopedAccess(deps, caller, body.model);
    return answer(deps, c, caller, access, body);
  });
  return router;
}

interface KeyCaller extends Caller {
  modelIds: string[] | null;
}

async function scopedAccess(deps: Deps, caller: KeyCaller, name: string): Promise<Access> {
  const access = await requireAccess(deps, caller.userId, name);
  if (caller.modelIds && !caller.modelIds.includes(access.model.id)) throw modelNotFound(name);
  return access;
}

/** Waits for the first token, so that a failure before it has a status of its own; then streams or collects. */
async function answer(
  deps: Deps,
  c: Context<AppEnv>,
  caller: Caller,
  access: Access,
  body: ChatCompletionBody,
) {
  const request = inferenceRequest(body, access.model.contextLength);
  const admission = await admit(deps, access, request).catch((error: unknown) => {
    deps.gateway.access.forget(caller.userId, body.model);
    throw error;
  });
  for (const [name, value] of Object.entries(admission.headers)) c.header(name, value);
  const abort = new AbortController();
  const left = () => abort.abort();
  const { signal } = c.req.raw;
  if (signal.aborted) left();
  signal.addEventListener("abort", left, { once: true });
  const events = complete(deps, caller, admission, abort.signal);
  const head = {
    id: `chatcmpl-${randomUUID().replaceAll("-", "")}`,
    created: Math.floor(Date.now() / 1000),
    model: body.model,
  };
  try {
    if (!body.stream) return c.json(await collect(events, head), 200);
    const first = await events.next();
    const includeUsage = body.stream_options?.include_usage === true;
    const stream = completionStream(first, events, { head, includeUsage, abort, log: deps.log });
    return c.body(stream, 200, {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-cache, no-transform",
      "X-Accel-Buffering": "no",
    });
  } catch (error) {
    throw inferenceAppError(error);
  }
}

function viewModel(model: ServedModel) {
  return {
    id: model.slug,
    object: "model" as const,
    created: Math.floor(model.createdAt.getTime() / 1000),
    owned_by: model.groupId,
  };
}

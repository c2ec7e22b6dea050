import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { webhookBody, webhookChange, webhookSchema, webhookTestSchema, webhookWithSecret } from "./shapes.ts";
import {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  listWebhooks,
  rotateSecret,
  testWebhook,
} from "./webhooks.ts";

const tags = ["Webhooks"];
const params = z.object({ id: z.uuid() });

export function webhookRoutes(deps: Deps): Router {
  const router = createRouter();

  const list = createRoute({
    method: "get",
    path: "/",
    operationId: "listWebhooks",
    tags,
    summary: "The caller's webhooks",
    responses: { 200: json(z.object({ webhooks: z.array(webhookSchema) })), ...errorResponses(401) },
  });
  router.openapi(list, async (c) => c.json({ webhooks: await listWebhooks(deps, requireUser(c).id) }, 200));

  const create = createRoute({
    method: "post",
    path: "/",
    operationId: "createWebhook",
    tags,
    summary: "Have an address called; its secret is shown this once",
    request: { body: jsonBody(webhookBody) },
    responses: { 201: json(webhookWithSecret, "Created"), ...errorResponses(400, 401, 409, 429) },
  });
  router.openapi(create, async (c) =>
    c.json(await createWebhook(deps, requireUser(c).id, c.req.valid("json")), 201),
  );

  const change = createRoute({
    method: "patch",
    path: "/{id}",
    operationId: "changeWebhook",
    tags,
    summary: "Change a webhook's address, or switch it on or off",
    request: { params, body: jsonBody(webhookChange) },
    responses: { 200: json(webhookSchema), ...errorResponses(400, 401, 404, 409, 429) },
  });
  router.openapi(change, async (c) =>
    c.json(await changeWebhook(deps, requireUser(c).id, c.req.valid("param").id, c.req.valid("json")), 200),
  );

  const remove = createRoute({
    method: "delete",
    path: "/{id}",
    operationId: "removeWebhook",
    tags,
    summary: "Remove a webhook, and what was still to be sent to it",
    request: { params },
    responses: { 204: { description: "Removed" }, ...errorResponses(400, 401, 404) },
  });
  router.openapi(remove, async (c) => {
    await deleteWebhook(deps, requireUser(c).id, c.req.valid("param").id);
    return c.body(null, 204);
  });

  const rotate = createRoute({
    method: "post",
    path: "/{id}/rotate",
    operationId: "rotateWebhookSecret",
    tags,
    summary: "Give a webhook a new secret, shown this once; for a day the old one signs too",
    request: { params },
    responses: { 200: json(webhookWithSecret), ...errorResponses(400, 401, 404, 429) },
  });
  router.openapi(rotate, async (c) =>
    c.json(await rotateSecret(deps, requireUser(c).id, c.req.valid("param").id), 200),
  );

  const test = createRoute({
    method: "post",
    path: "/{id}/test",
    operationId: "testWebhook",
    tags,
    summary: "Send a signed test message at once",
    request: { params },
    responses: { 200: json(webhookTestSchema), ...errorResponses(400, 401, 404, 429) },
  });
  router.openapi(test, async (c) =>
    c.json(await testWebhook(deps, requireUser(c).id, c.req.valid("param").id), 200),
  );
  return router;
}

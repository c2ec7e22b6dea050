import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { confirmAddress, sendConfirmation } from "./confirm.ts";
import {
  countUnread,
  getPreferences,
  listNotifications,
  readOne,
  readUpTo,
  setPreferences,
} from "./service.ts";
import { notificationSchema, preferencesBody, preferencesSchema, unreadSchema } from "./shapes.ts";
import { webhookRoutes } from "./webhook-routes.ts";

const tags = ["Notifications"];
const id = z.object({ id: z.uuid() });

export function notificationsRoutes(deps: Deps): Router {
  const router = createRouter();

  const list = createRoute({
    method: "get",
    path: "/",
    operationId: "listNotifications",
    tags,
    summary: "What the caller was told, the newest first",
    request: {
      query: z.object({
        cursor: z.string().max(20).optional().openapi({ description: "`next` of the page before" }),
        limit: z.coerce.number().int().min(1).max(100).default(30),
      }),
    },
    responses: {
      200: json(z.object({ notifications: z.array(notificationSchema), next: z.string().nullable() })),
      ...errorResponses(400, 401),
    },
  });
  router.openapi(list, async (c) =>
    c.json(await listNotifications(deps, requireUser(c).id, c.req.valid("query")), 200),
  );

  const unread = createRoute({
    method: "get",
    path: "/unread",
    operationId: "countUnreadNotifications",
    tags,
    summary: "How many the caller has not read",
    responses: { 200: json(unreadSchema), ...errorResponses(401) },
  });
  router.openapi(unread, async (c) => c.json({ unread: await countUnread(deps, requireUser(c).id) }, 200));

  const read = createRoute({
    method: "post",
    path: "/{id}/read",
    operationId: "readNotification",
    tags,
    summary: "Mark one as read",
    request: { params: id },
    responses: { 204: { description: "Read" }, ...errorResponses(400, 401, 404) },
  });
  router.openapi(read, async (c) => {
    await readOne(deps, requireUser(c).id, c.req.valid("param").id);
    return c.body(null, 204);
  });

  const readAll = createRoute({
    method: "post",
    path: "/read",
    operationId: "readNotifications",
    tags,
    summary: "Mark one and all older ones as read",
    request: { body: jsonBody(z.object({ upTo: z.uuid() })) },
    responses: { 204: { description: "Read" }, ...errorResponses(400, 401, 404) },
  });
  router.openapi(readAll, async (c) => {
    await readUpTo(deps, requireUser(c).id, c.req.valid("json").upTo);
    return c.body(null, 204);
  });

  const preferences = createRoute({
    method: "get",
    path: "/preferences",
    operationId: "getNotificationPreferences",
    tags,
    summary: "What the caller is told, and by which channels",
    responses: { 200: json(preferencesSchema), ...errorResponses(401) },
  });
  router.openapi(preferences, async (c) => c.json(await getPreferences(deps, requireUser(c)), 200));

  const prefer = createRoute({
    method: "put",
    path: "/preferences",
    operationId: "setNotificationPreferences",
    tags,
    summary: "Choose the channels of some kinds",
    request: { body: jsonBody(preferencesBody) },
    responses: { 200: json(preferencesSchema), ...errorResponses(400, 401) },
  });
  router.openapi(prefer, async (c) =>
    c.json(await setPreferences(deps, requireUser(c), c.req.valid("json").kinds), 200),
  );

  const sendLink = createRoute({
    method: "post",
    path: "/email/confirmation",
    operationId: "sendEmailConfirmation",
    tags,
    summary:
      "Send a link to the caller's e-mail address by which it is confirmed; nothing else is sent before",
    responses: { 204: { description: "Sent" }, ...errorResponses(401, 409, 429, 502) },
  });
  router.openapi(sendLink, async (c) => {
    await sendConfirmation(deps, requireUser(c));
    return c.body(null, 204);
  });

  const confirmRoute = createRoute({
    method: "post",
    path: "/email/confirm",
    operationId: "confirmEmail",
    tags,
    summary: "Confirm an address by the link that was sent to it; no sign-in is needed",
    request: { body: jsonBody(z.object({ token: z.string().min(1).max(2_000) })) },
    responses: { 200: json(z.object({ address: z.string() })), ...errorResponses(400) },
  });
  router.openapi(confirmRoute, async (c) =>
    c.json(await confirmAddress(deps, c.req.valid("json").token), 200),
  );

  router.route("/webhooks", webhookRoutes(deps));
  return router;
}

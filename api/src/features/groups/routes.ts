import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import { label } from "../../core/text.ts";
import type { Deps } from "../../deps.ts";
import { addressSchema, emailSchema, walletSchema } from "../auth/shapes.ts";
import { addMember, createGroup, getGroup, listGroups, removeMember } from "./service.ts";

const tags = ["Groups"];
const roleSchema = z.enum(["owner", "member"]);

export const groupSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    role: roleSchema.describe("Your role in it"),
    personal: z.boolean().describe("True for the group that you have for yourself alone"),
    members: z.array(
      z.object({
        userId: z.uuid(),
        name: z.string(),
        role: roleSchema,
        wallets: z.array(walletSchema.pick({ address: true, chain: true })),
      }),
    ),
    createdAt: z.iso.datetime(),
  })
  .openapi("Group");

const byId = z.object({ id: z.uuid() });
const byMember = z.object({ id: z.uuid(), userId: z.uuid() });

// Exactly one way to name the person: with both, one could silently win.
const inviteSchema = z.union([
  z.strictObject({ wallet: addressSchema, role: roleSchema }),
  z.strictObject({ email: emailSchema, role: roleSchema }),
]);

const create = createRoute({
  method: "post",
  path: "/",
  operationId: "createGroup",
  tags,
  summary: "Create a group that you own",
  request: { body: jsonBody(z.object({ name: label(80) })) },
  responses: { 201: json(groupSchema, "Created"), ...errorResponses(400, 401) },
});

const list = createRoute({
  method: "get",
  path: "/",
  operationId: "listGroups",
  tags,
  summary: "Your groups, the personal one first",
  responses: { 200: json(z.object({ groups: z.array(groupSchema) })), ...errorResponses(401) },
});

const get = createRoute({
  method: "get",
  path: "/{id}",
  operationId: "getGroup",
  tags,
  summary: "One of your groups",
  request: { params: byId },
  responses: { 200: json(groupSchema), ...errorResponses(401, 404) },
});

const invite = createRoute({
  method: "post",
  path: "/{id}/members",
  operationId: "addGroupMember",
  tags,
  summary: "Add a user by wallet or e-mail, or change a member's role (owners)",
  request: { params: byId, body: jsonBody(inviteSchema) },
  responses: { 200: json(groupSchema), ...errorResponses(400, 401, 403, 404, 409, 503) },
});

const remove = createRoute({
  method: "delete",
  path: "/{id}/members/{userId}",
  operationId: "removeGroupMember",
  tags,
  summary: "Remove a member (owners), or leave",
  request: { params: byMember },
  responses: {
    200: json(groupSchema),
    204: { description: "You left the group" },
    ...errorResponses(401, 403, 404, 409, 503),
  },
});

/** `/api/groups` */
export function groupsRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(create, async (c) => {
    const group = await createGroup(deps, requireUser(c).id, c.req.valid("json").name);
    return c.json(group, 201);
  });
  router.openapi(list, async (c) => c.json({ groups: await listGroups(deps, requireUser(c).id) }, 200));
  router.openapi(get, async (c) =>
    c.json(await getGroup(deps, requireUser(c).id, c.req.valid("param").id), 200),
  );
  router.openapi(invite, async (c) => {
    const { role, ...invitee } = c.req.valid("json");
    return c.json(await addMember(deps, requireUser(c).id, c.req.valid("param").id, invitee, role), 200);
  });
  router.openapi(remove, async (c) => {
    const { id, userId } = c.req.valid("param");
    const group = await removeMember(deps, requireUser(c).id, id, userId);
    return group ? c.json(group, 200) : c.body(null, 204);
  });
  return router;
}

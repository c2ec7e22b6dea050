import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { unauthorized } from "../../core/errors.ts";
import { type AppEnv, createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { addressSchema } from "../auth/shapes.ts";
import { nodeOf } from "../nodes/service.ts";
import { createPayment } from "../payments/service.ts";
import { paymentSchema } from "../payments/shapes.ts";
import { licenseOf, myLicenses } from "./licenses.ts";
import { sendStored, sendWeights } from "./send.ts";
import { changeModel, createModel, getModel, listMyModels } from "./service.ts";
import {
  licenseSchema,
  modelChangesSchema,
  modelSchema,
  myLicenseSchema,
  newModelSchema,
  weightsKeySchema,
} from "./shapes.ts";
import { keyOf, type Weights, weightsForNode, weightsForUser } from "./weights.ts";

const tags = ["Models"];
const byId = z.object({ id: z.uuid() });

const create = createRoute({
  method: "post",
  path: "/",
  operationId: "createModel",
  tags,
  summary: "Create a model in one of your groups; its file comes by /api/uploads",
  request: { body: jsonBody(newModelSchema) },
  responses: { 201: json(modelSchema, "Created"), ...errorResponses(400, 401, 404, 409) },
});

const mine = createRoute({
  method: "get",
  path: "/mine",
  operationId: "listMyModels",
  tags,
  summary: "The models of your groups, the newest first",
  responses: { 200: json(z.object({ models: z.array(modelSchema) })), ...errorResponses(401) },
});

const get = createRoute({
  method: "get",
  path: "/{id}",
  operationId: "getModel",
  tags,
  summary: "A model: anybody's when published, else your group's",
  request: { params: byId },
  responses: { 200: json(modelSchema), ...errorResponses(404) },
});

const change = createRoute({
  method: "patch",
  path: "/{id}",
  operationId: "changeModel",
  tags,
  summary: "Change what is said of a model",
  request: { params: byId, body: jsonBody(modelChangesSchema) },
  responses: { 200: json(modelSchema), ...errorResponses(400, 401, 403, 404) },
});

const byVersion = z.object({
  version: z.coerce
    .number()
    .int()
    .positive()
    .max(2_147_483_647)
    .optional()
    .describe("The number of one that was ever served; left out: the served one"),
});

const bytes = (what: string) => ({
  request: { params: byId, query: byVersion, headers: z.object({ range: z.string().optional() }) },
  responses: {
    200: {
      description: what,
      headers: z.object({ "X-CID": z.string(), ETag: z.string() }),
      content: { "application/octet-stream": { schema: z.string().openapi({ format: "binary" }) } },
    },
    206: {
      description: "A part of it",
      content: { "application/octet-stream": { schema: z.string().openapi({ format: "binary" }) } },
    },
    ...errorResponses(400, 401, 402, 404, 416),
  },
});

const weightsRoute = createRoute({
  method: "get",
  path: "/{id}/weights",
  operationId: "getModelWeights",
  tags,
  summary:
    "The model's file as it was uploaded, for its group, for licensees and for the nodes that may serve it (by node token)",
  ...bytes("The whole file"),
});

const storedRoute = createRoute({
  method: "get",
  path: "/{id}/weights/stored",
  operationId: "getStoredWeights",
  tags,
  summary: "The model's file as it is stored and on IPFS, for the same: protected weights are encrypted",
  ...bytes("The whole stored file"),
});

const keyRoute = createRoute({
  method: "get",
  path: "/{id}/weights/key",
  operationId: "getWeightsKey",
  tags,
  summary: "The key of protected weights, for the same: it decrypts what is on IPFS",
  request: { params: byId, query: byVersion },
  responses: { 200: json(weightsKeySchema), ...errorResponses(400, 401, 402, 404, 409) },
});

const myLicensesRoute = createRoute({
  method: "get",
  path: "/my-licenses",
  operationId: "listMyLicenses",
  tags,
  summary: "The models whose weights you or your groups bought a licence to",
  responses: { 200: json(z.object({ licenses: z.array(myLicenseSchema) })), ...errorResponses(401) },
});

const license = createRoute({
  method: "get",
  path: "/{id}/license",
  operationId: "getLicense",
  tags,
  summary: "Whether you hold a licence to a model's weights, and what one costs",
  request: { params: byId },
  responses: { 200: json(licenseSchema), ...errorResponses(401, 404) },
});

const buy = createRoute({
  method: "post",
  path: "/{id}/buy",
  operationId: "buyLicense",
  tags,
  summary: "Quote a licence to a model's weights, for you or for a group of yours",
  request: {
    params: byId,
    body: jsonBody(
      z.object({
        wallet: addressSchema,
        chain: z.string().max(64),
        groupId: z.uuid().nullish().describe("Buy for this group of yours"),
      }),
    ),
  },
  responses: {
    200: json(z.object({ payment: paymentSchema })),
    ...errorResponses(400, 401, 403, 404, 409, 429, 503),
  },
});

/** `/api/models` */
export function modelsRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(create, async (c) =>
    c.json(await createModel(deps, requireUser(c).id, c.req.valid("json")), 201),
  );
  router.openapi(mine, async (c) => c.json({ models: await listMyModels(deps, requireUser(c).id) }, 200));
  router.openapi(myLicensesRoute, async (c) =>
    c.json({ licenses: await myLicenses(deps, requireUser(c).id) }, 200),
  );
  router.openapi(license, async (c) =>
    c.json(await licenseOf(deps, requireUser(c).id, c.req.valid("param").id), 200),
  );
  router.openapi(buy, async (c) => {
    const { groupId, ...quote } = c.req.valid("json");
    const payment = await createPayment(deps, requireUser(c).id, {
      purpose: "license",
      ...quote,
      modelId: c.req.valid("param").id,
      ...(groupId ? { groupId } : {}),
    });
    return c.json({ payment }, 200);
  });
  router.openapi(get, async (c) =>
    c.json(await getModel(deps, c.get("user")?.id ?? null, c.req.valid("param").id), 200),
  );
  router.openapi(change, async (c) =>
    c.json(await changeModel(deps, requireUser(c).id, c.req.valid("param").id, c.req.valid("json")), 200),
  );
  router.openapi(weightsRoute, async (c) =>
    sendWeights(deps, c, await weightsFor(deps, c, c.req.valid("param").id, c.req.valid("query").version)),
  );
  router.openapi(storedRoute, async (c) =>
    sendStored(deps, c, await weightsFor(deps, c, c.req.valid("param").id, c.req.valid("query").version)),
  );
  router.openapi(keyRoute, async (c) => {
    const weights = await weightsFor(deps, c, c.req.valid("param").id, c.req.valid("query").version);
    c.header("Cache-Control", "no-store");
    return c.json(keyOf(deps, weights), 200);
  });
  return router;
}

/** For a group member or a licensee (cookie or JWT), or a node (its token). */
async function weightsFor(
  deps: Deps,
  c: Context<AppEnv>,
  modelId: string,
  number: number | undefined,
): Promise<Weights> {
  const user = c.get("user");
  if (user) return weightsForUser(deps, user.id, modelId, number);
  const token = /^bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  const node = token ? await nodeOf(deps, token) : null;
  if (!node) throw unauthorized();
  return weightsForNode(deps, node.id, modelId, number);
}

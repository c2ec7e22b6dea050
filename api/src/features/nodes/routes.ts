import { createRoute, z } from "@hono/zod-openapi";
import { AppError } from "../../core/errors.ts";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { limitAuth } from "../auth/limits.ts";
import { listNodes, listQuery, nodePageSchema } from "./list.ts";
import { apiFrameSchema, inferenceRequestSchema, nodeFrameSchema, probeAnswerSchema } from "./protocol.ts";
import { authMessage, register } from "./registration.ts";
import { addSelfRoutes } from "./self.ts";
import { heartbeat, requireNode, takeProbeAnswer } from "./service.ts";
import {
  authMessageBody,
  heartbeatAnswer,
  heartbeatBody,
  myNodeSchema,
  nodeDetailSchema,
  nodeSampleSchema,
  nodeSchema,
  registerBody,
} from "./shapes.ts";
import { myNodes, nodeDetail, nodeSamples } from "./views.ts";

const tags = ["Nodes"];

/** Registration, heartbeat and list of nodes. The WebSocket is in `sockets.ts`; its frames are declared here. */
export function nodesRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openAPIRegistry.register("ApiFrame", apiFrameSchema);
  router.openAPIRegistry.register("NodeFrame", nodeFrameSchema);
  router.openAPIRegistry.register("InferenceRequest", inferenceRequestSchema);

  const authMessageRoute = createRoute({
    method: "post",
    path: "/auth-message",
    operationId: "createNodeAuthMessage",
    tags,
    summary: "Get the message that a node's wallet signs to register",
    request: { body: jsonBody(authMessageBody) },
    responses: {
      200: json(z.object({ message: z.string(), expiresAt: z.iso.datetime() })),
      ...errorResponses(400, 429),
    },
  });
  router.openapi(authMessageRoute, async (c) => {
    await limitAuth(deps, c);
    return c.json(await authMessage(deps, c.req.valid("json")), 200);
  });

  const registerRoute = createRoute({
    method: "post",
    path: "/register",
    operationId: "registerNode",
    tags,
    summary: "Register a node with its wallet's signature; the token is shown this once",
    request: { body: jsonBody(registerBody) },
    responses: {
      201: json(z.object({ node: nodeSchema, token: z.string() }), "Registered"),
      ...errorResponses(400, 401, 403, 409, 429, 503),
    },
  });
  router.openapi(registerRoute, async (c) => {
    await limitAuth(deps, c);
    return c.json(await register(deps, c.req.valid("json")), 201);
  });

  const heartbeatRoute = createRoute({
    method: "post",
    path: "/heartbeat",
    operationId: "sendNodeHeartbeat",
    tags,
    summary: "Heartbeat over HTTP, for a node that cannot open a WebSocket (bearer: the node's token)",
    request: { body: jsonBody(heartbeatBody) },
    responses: { 200: json(heartbeatAnswer), ...errorResponses(400, 401, 409) },
  });
  router.openapi(heartbeatRoute, async (c) => {
    const node = await requireNode(deps, c.req.header("authorization"));
    return c.json({ ok: true as const, ...(await heartbeat(deps, node, c.req.valid("json"))) }, 200);
  });

  const listRoute = createRoute({
    method: "get",
    path: "/",
    operationId: "listNodes",
    tags,
    summary: "The nodes, a page at a time",
    request: { query: listQuery },
    responses: { 200: json(nodePageSchema), ...errorResponses(400) },
  });
  router.openapi(listRoute, async (c) => c.json(await listNodes(deps, c.req.valid("query")), 200));

  const mineRoute = createRoute({
    method: "get",
    path: "/mine",
    operationId: "listMyNodes",
    tags,
    summary: "The nodes of your wallets, with their jobs and earnings; their charts are at `/{id}/samples`",
    responses: { 200: json(z.object({ nodes: z.array(myNodeSchema) })), ...errorResponses(401) },
  });
  router.openapi(mineRoute, async (c) => c.json({ nodes: await myNodes(deps, requireUser(c).id) }, 200));

  const probeRoute = createRoute({
    method: "post",
    path: "/probes/{id}",
    operationId: "answerNodeProbe",
    tags,
    summary: "What a container probe printed, from a node that polls (bearer: the node's token)",
    request: { params: z.object({ id: z.uuid() }), body: jsonBody(probeAnswerSchema) },
    responses: { 200: json(z.object({ passed: z.boolean() })), ...errorResponses(400, 401, 409) },
  });
  router.openapi(probeRoute, async (c) => {
    const node = await requireNode(deps, c.req.header("authorization"));
    return c.json(await takeProbeAnswer(deps, node.id, c.req.valid("param").id, c.req.valid("json")), 200);
  });

  addSelfRoutes(router, deps, tags);

  const detailRoute = createRoute({
    method: "get",
    path: "/{id}",
    operationId: "getNode",
    tags,
    summary: "One node, with its last probes",
    request: { params: z.object({ id: z.string().max(200) }) },
    responses: { 200: json(nodeDetailSchema), ...errorResponses(404) },
  });
  router.openapi(detailRoute, async (c) => {
    const id = z.uuid().safeParse(c.req.valid("param").id);
    if (!id.success) throw new AppError("no_route", 404, `There is no ${c.req.method} ${c.req.path}.`);
    return c.json(await nodeDetail(deps, id.data), 200);
  });

  const samplesRoute = createRoute({
    method: "get",
    path: "/{id}/samples",
    operationId: "listNodeSamples",
    tags,
    summary: "What a node measured of itself: the last day by five minutes, or the last week by thirty",
    request: {
      params: z.object({ id: z.uuid() }),
      query: z.object({ range: z.enum(["day", "week"]).default("day") }),
    },
    responses: { 200: json(z.object({ samples: z.array(nodeSampleSchema) })), ...errorResponses(400, 404) },
  });
  router.openapi(samplesRoute, async (c) => {
    const { range } = c.req.valid("query");
    return c.json({ samples: await nodeSamples(deps, c.req.valid("param").id, range) }, 200);
  });
  return router;
}

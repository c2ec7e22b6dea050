import { createRoute, z } from "@hono/zod-openapi";
import { errorResponses, json, jsonBody } from "../../core/http.ts";
import { binary } from "./declarations.ts";
import {
  acceptBody,
  finishAnswer,
  finishBody,
  putOutputAnswer,
  putOutputQuery,
  reportsAnswer,
  reportsBody,
  workAnswer,
  workSchema,
} from "./protocol.ts";

const tags = ["Nodes"];
const byId = z.object({ id: z.string().max(200) });

export const workRoute = createRoute({
  method: "get",
  path: "/work",
  operationId: "getNodeWork",
  tags,
  summary: "Ask for work and for what to stop (bearer: the node's token)",
  responses: { 200: json(workAnswer), ...errorResponses(401) },
});

export const acceptRoute = createRoute({
  method: "post",
  path: "/attempts/{id}/accept",
  operationId: "acceptWork",
  tags,
  summary: "Take offered work; the same process may do it again",
  request: { params: byId, body: jsonBody(acceptBody) },
  responses: { 200: json(z.object({ work: workSchema })), ...errorResponses(400, 401, 404, 409) },
});

export const reportsRoute = createRoute({
  method: "post",
  path: "/attempts/{id}/reports",
  operationId: "sendReports",
  tags,
  summary: "Tell how it goes; renews the lease; what was told before is skipped by its `seq`",
  request: { params: byId, body: jsonBody(reportsBody) },
  responses: { 200: json(reportsAnswer), ...errorResponses(400, 401, 404, 409, 413) },
});

export const putOutputRoute = createRoute({
  method: "put",
  path: "/attempts/{id}/outputs",
  operationId: "putOutput",
  tags,
  summary: "Bring one file of /out; again replaces it",
  request: {
    params: byId,
    query: putOutputQuery,
    body: { required: true, content: { "application/octet-stream": { schema: binary } } },
  },
  responses: { 200: json(putOutputAnswer), ...errorResponses(400, 401, 404, 409, 413) },
});

export const finishRoute = createRoute({
  method: "post",
  path: "/attempts/{id}/finish",
  operationId: "finishAttempt",
  tags,
  summary: "Tell how it ended; again answers the same",
  request: { params: byId, body: jsonBody(finishBody) },
  responses: { 200: json(finishAnswer), ...errorResponses(400, 401, 404, 409) },
});

export const standingRoute = createRoute({
  method: "get",
  path: "/attempts/{id}",
  operationId: "getAttempt",
  tags,
  summary: "Where an attempt of this node stands, and its result once it is verified",
  request: { params: byId },
  responses: { 200: json(finishAnswer), ...errorResponses(401, 404) },
});

export const inputRoute = createRoute({
  method: "get",
  path: "/attempts/{id}/inputs/{cid}",
  operationId: "getAttemptInput",
  tags,
  summary: "An input of the attempt's job",
  request: { params: byId.extend({ cid: z.string().max(200) }) },
  responses: {
    200: { description: "The file", content: { "application/octet-stream": { schema: binary } } },
    ...errorResponses(401, 404, 409, 416),
  },
});

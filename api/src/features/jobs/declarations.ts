import { createRoute, z } from "@hono/zod-openapi";
import { errorResponses, json, jsonBody } from "../../core/http.ts";
import { modelSchema } from "../models/shapes.ts";
import { noteSchema } from "../models/uploads.ts";
import {
  createJobBody,
  estimateBody,
  estimateSchema,
  jobDetailSchema,
  jobLogSchema,
  jobSchema,
  jobStreamEventSchema,
  preparedCall,
  templateSchema,
} from "./shapes.ts";
import { JOB_STATES } from "./states.ts";

const tags = ["Jobs"];
const byId = z.object({ id: z.string().max(200) });

export const binary = z.any().openapi({ type: "string", format: "binary" });

export const estimateRoute = createRoute({
  method: "post",
  path: "/estimate",
  operationId: "estimateJob",
  tags,
  summary: "Which image it is, who could run it, and what that costs",
  request: { body: jsonBody(estimateBody) },
  responses: { 200: json(estimateSchema), ...errorResponses(400, 401, 403, 404, 409, 413, 429) },
});

export const createJobRoute = createRoute({
  method: "post",
  path: "/",
  operationId: "createJob",
  tags,
  summary: "Order a job: it waits for nodes as soon as its payment is confirmed",
  request: { body: jsonBody(createJobBody) },
  responses: {
    201: json(jobDetailSchema, "Ordered"),
    ...errorResponses(400, 401, 403, 404, 409, 413, 429, 503),
  },
});

export const listJobsRoute = createRoute({
  method: "get",
  path: "/",
  operationId: "listJobs",
  tags,
  summary: "The jobs of yours and your groups, the newest first, a page at a time",
  request: {
    query: z.object({
      state: z.enum(JOB_STATES).optional(),
      cursor: z.string().max(300).optional().describe("`next` of the page before"),
      limit: z.coerce.number().int().min(1).max(200).optional().describe("50 by default"),
    }),
  },
  responses: {
    200: json(z.object({ jobs: z.array(jobSchema), next: z.string().nullable() })),
    ...errorResponses(400, 401, 403, 429),
  },
});

export const templatesRoute = createRoute({
  method: "get",
  path: "/templates",
  operationId: "listJobTemplates",
  tags,
  summary: "Jobs that are ready to be filled in",
  responses: {
    200: json(z.object({ templates: z.array(templateSchema) })),
    ...errorResponses(401, 403, 429),
  },
});

export const getJobRoute = createRoute({
  method: "get",
  path: "/{id}",
  operationId: "getJob",
  tags,
  summary: "A job with all that happened to it",
  request: { params: byId },
  responses: { 200: json(jobDetailSchema), ...errorResponses(401, 403, 404, 429) },
});

export const jobLogsRoute = createRoute({
  method: "get",
  path: "/{id}/logs",
  operationId: "getJobLogs",
  tags,
  summary: "What the container said; 1 MiB of an attempt is kept",
  request: {
    params: byId,
    query: z.object({
      attempt: z.coerce.number().int().positive().max(1_000).optional().describe("The last by default"),
      after: z.coerce.number().int().min(0).max(2_147_483_647).optional().describe("`seq` of the last seen"),
    }),
  },
  responses: {
    200: json(z.object({ logs: z.array(jobLogSchema), more: z.boolean() })),
    ...errorResponses(400, 401, 403, 404, 429),
  },
});

export const jobEventsRoute = createRoute({
  method: "get",
  path: "/{id}/events",
  operationId: "streamJobEvents",
  tags,
  summary: "What happens to a job, live; goes on after `Last-Event-ID`",
  request: {
    params: byId,
    headers: z.object({ "last-event-id": z.string().max(200).optional() }),
  },
  responses: {
    200: { description: "Events", content: { "text/event-stream": { schema: jobStreamEventSchema } } },
    ...errorResponses(401, 403, 404, 429),
  },
});

export const jobOutputRoute = createRoute({
  method: "get",
  path: "/{id}/outputs/{path}",
  operationId: "getJobOutput",
  tags,
  summary: "A file that a completed job put out; its path is percent-encoded",
  request: { params: byId.extend({ path: z.string().max(4_096) }) },
  responses: {
    200: { description: "The file", content: { "application/octet-stream": { schema: binary } } },
    ...errorResponses(401, 403, 404, 416, 429),
  },
});

export const publishOutputRoute = createRoute({
  method: "post",
  path: "/{id}/publish",
  operationId: "publishJobOutput",
  tags,
  summary:
    "Make a file that a completed job put out the next version of a model of yours, as if you had uploaded it",
  request: {
    params: byId,
    body: jsonBody(
      z.object({ path: z.string().max(4_096), modelId: z.uuid(), note: noteSchema.default("") }),
    ),
  },
  responses: {
    202: json(modelSchema, "It is processed now"),
    ...errorResponses(400, 401, 403, 404, 409, 429, 507),
  },
});

export const cancelJobRoute = createRoute({
  method: "post",
  path: "/{id}/cancel",
  operationId: "cancelJob",
  tags,
  summary: "Stop a job; what was paid goes back",
  request: { params: byId },
  responses: { 200: json(jobDetailSchema), ...errorResponses(401, 403, 404, 409, 429) },
});

const prepared = (name: "dispute" | "approve" | "refund", summary: string) =>
  createRoute({
    method: "post",
    path: `/{id}/${name}`,
    operationId: `prepareJob${name[0]!.toUpperCase()}${name.slice(1)}`,
    tags,
    summary,
    request: { params: byId },
    responses: { 200: json(preparedCall), ...errorResponses(401, 403, 404, 409, 429, 503) },
  });

export const disputeJobRoute = prepared("dispute", "The call that stops the payment of a submitted result");
export const approveJobRoute = prepared("approve", "The call that pays a submitted result at once");
export const refundJobRoute = prepared(
  "refund",
  "The call that refunds an open job; anyone may send it after the deadline",
);

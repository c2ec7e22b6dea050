import { createRouter, type Router } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import { download } from "../files/download.ts";
import { sendWeights } from "../models/send.ts";
import { jobCapabilitySchema } from "../nodes/capability.ts";
import { requireNode } from "../nodes/service.ts";
import { attemptStanding, finishAttempt } from "./finish.ts";
import * as declared from "./node-declarations.ts";
import { inputOf, putOutput } from "./outputs.ts";
import { acceptWork, takeReports } from "./reports.ts";
import { verifySafely } from "./worker.ts";

/** `/api/nodes/work` and `/api/nodes/attempts`: what nodes say of jobs, with their token. */
export function jobNodeRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openAPIRegistry.register("JobCapability", jobCapabilitySchema);
  const nodeOf = async (c: { req: { header: (name: string) => string | undefined } }) =>
    (await requireNode(deps, c.req.header("authorization"))).id;

  router.openapi(declared.workRoute, async (c) => {
    const node = await requireNode(deps, c.req.header("authorization"));
    return c.json(await deps.scheduler.poll(deps, node.id), 200);
  });
  router.openapi(declared.acceptRoute, async (c) => {
    const nodeId = await nodeOf(c);
    const { instance } = c.req.valid("json");
    return c.json(await acceptWork(deps, nodeId, c.req.valid("param").id, instance), 200);
  });
  router.openapi(declared.reportsRoute, async (c) => {
    const nodeId = await nodeOf(c);
    const { reports } = c.req.valid("json");
    return c.json(await takeReports(deps, nodeId, c.req.valid("param").id, reports), 200);
  });
  router.openapi(declared.putOutputRoute, async (c) => {
    const nodeId = await nodeOf(c);
    const output = {
      ...c.req.valid("query"),
      body: c.req.raw.body,
      announced: c.req.header("content-length"),
    };
    return c.json(await putOutput(deps, nodeId, c.req.valid("param").id, output), 200);
  });
  router.openapi(declared.finishRoute, async (c) => {
    const nodeId = await nodeOf(c);
    const { finished, check } = await finishAttempt(
      deps,
      nodeId,
      c.req.valid("param").id,
      c.req.valid("json"),
    );
    // The node has room again, and need not wait for the check.
    deps.scheduler.freed();
    if (check) void verifySafely(deps, check);
    return c.json(finished, 200);
  });
  router.openapi(declared.standingRoute, async (c) => {
    const nodeId = await nodeOf(c);
    return c.json(await attemptStanding(deps, nodeId, c.req.valid("param").id), 200);
  });
  router.openapi(declared.inputRoute, async (c) => {
    const nodeId = await nodeOf(c);
    const { id, cid } = c.req.valid("param");
    const input = await inputOf(deps, nodeId, id, cid);
    return "file" in input ? download(deps, c, input.file) : sendWeights(deps, c, input.weights);
  });
  return router;
}

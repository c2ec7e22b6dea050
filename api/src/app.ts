import { randomUUID } from "node:crypto";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import { AppError } from "./core/errors.ts";
import { createRouter, errorBody, errorHandler, type Router } from "./core/http.ts";
import { session } from "./core/session.ts";
import type { Deps } from "./deps.ts";
import { mountDocs } from "./features/docs/routes.ts";
import { mountFeatures } from "./features/index.ts";

/** The whole HTTP api, without a server: tests call `app.request()`. */
export function createApp(deps: Deps): Router {
  const app = createRouter();
  app.onError(errorHandler(deps.log));
  app.notFound((c) =>
    c.json(
      errorBody(c.req.path, new AppError("no_route", 404, `There is no ${c.req.method} ${c.req.path}.`)),
      404,
    ),
  );
  app.use("/api/*", async (c, next) => {
    const id = randomUUID();
    c.set("requestId", id);
    c.set("user", null);
    c.set("sessionId", null);
    c.header("X-Request-Id", id);
    await next();
  });
  app.use("/api/*", secureHeaders({ crossOriginResourcePolicy: "same-site" }));
  const limit = bodyLimit({
    maxSize: deps.config.MAX_BODY_BYTES,
    onError: () => {
      throw new AppError("body_too_large", 413, `The body is over ${deps.config.MAX_BODY_BYTES} bytes.`);
    },
  });
  // Uploads have their own limits and are streamed.
  const streamed = /^\/api\/(uploads(\/|$)|files\/?$|nodes\/attempts\/[^/]+\/outputs$)/;
  app.use("/api/*", (c, next) => (streamed.test(c.req.path) ? next() : limit(c, next)));
  // The gateway and the nodes authenticate by their own keys, on the hot path: no session look-up there. Health must
  // answer without the database.
  const withoutSession = [
    "/api/v1/",
    "/api/nodes/heartbeat",
    "/api/nodes/connect",
    "/api/nodes/work",
    "/api/nodes/attempts",
    "/api/nodes/probes",
    "/api/health",
  ];
  const withSession = session(deps);
  app.use("/api/*", (c, next) =>
    withoutSession.some((prefix) => c.req.path.startsWith(prefix)) ? next() : withSession(c, next),
  );
  mountFeatures(app, deps);
  mountDocs(app);
  return app;
}

import { readFileSync } from "node:fs";
import type { Router } from "../../core/http.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../../../../package.json", import.meta.url), "utf8"),
) as { version: string };

/** The OpenAPI 3.1 document of all routes that the app has. */
export function openApiDocument(app: Router) {
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "AIForge",
      version,
      description:
        "A marketplace for AI models whose money flows through one contract. Amounts are decimal strings in USDT, " +
        "times are ISO 8601, ids are UUIDs. Errors have one shape; `code` is stable. `/api/v1` speaks OpenAI's " +
        "protocol with a key of `/api/keys`, which `/api/jobs` and `/api/files` take too, `/api/uploads` speaks tus 1.0.",
    },
    servers: [{ url: "/", description: "This site" }],
    security: [{ bearer: [] }, { cookie: [] }],
  });
}

/** Declares the ways to authenticate that the document names. */
export function declareSecurity(app: Router): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description:
      "The token of a sign-in, an API key at /api/v1, /api/jobs and /api/files, a node's token where it says so",
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "cookie", {
    type: "apiKey",
    in: "cookie",
    name: "aiforge.session_token",
    description: "Set by a sign-in",
  });
}

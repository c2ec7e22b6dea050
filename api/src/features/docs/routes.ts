import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { Scalar } from "@scalar/hono-api-reference";
import type { Router } from "../../core/http.ts";
import { declareSecurity, openApiDocument } from "./document.ts";

/** One file with everything in it; the package's own dependencies are not needed beside it. */
const SCRIPT = join(
  dirname(createRequire(import.meta.url).resolve("@scalar/api-reference")),
  "browser/standalone.js",
);

/**
 * `/api/openapi.json`, and `/api/docs`: a page that shows it, with its script from this site alone. Mount it after
 * every feature, on the app itself: the document holds the routes that are there when it is first asked for.
 */
export function mountDocs(app: Router): void {
  declareSecurity(app);
  let document: ReturnType<typeof openApiDocument> | undefined;
  app.get("/api/openapi.json", (c) => {
    document ??= openApiDocument(app);
    return c.json(document);
  });
  app.get(
    "/api/docs",
    async (c, next) => {
      await next();
      // The page may load and call nothing but this site.
      c.header(
        "Content-Security-Policy",
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; " +
          "img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'",
      );
    },
    Scalar({
      url: "/api/openapi.json",
      cdn: "/api/docs/scalar.js",
      bundle: false,
      pageTitle: "AIForge API",
      withDefaultFonts: false,
      telemetry: false,
      agent: { disabled: true },
      mcp: { disabled: true },
      showDeveloperTools: "never",
      hideClientButton: true,
      proxyUrl: "",
    }),
  );
  app.get("/api/docs/scalar.js", async (c) => {
    const { size } = await stat(SCRIPT);
    const body =
      c.req.method === "HEAD" ? null : (Readable.toWeb(createReadStream(SCRIPT)) as ReadableStream);
    return new Response(body, {
      headers: {
        "Content-Type": "text/javascript; charset=utf-8",
        "Content-Length": String(size),
        "Cache-Control": "public, max-age=86400",
      },
    });
  });
}

import type { Router } from "../core/http.ts";
import { openApiDocument } from "../features/docs/document.ts";

interface Operation {
  operationId?: string;
  responses?: Record<string, unknown>;
}

/** The operations of an app, by their names. */
export function operationsOf(app: Router): Map<string, Operation & { method: string; path: RegExp }> {
  const operations = new Map<string, Operation & { method: string; path: RegExp }>();
  for (const [path, methods] of Object.entries(openApiDocument(app).paths ?? {})) {
    const pattern = new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, "[^/]+")}$`);
    for (const [method, operation] of Object.entries(methods as Record<string, Operation>)) {
      operations.set(operation.operationId ?? "", {
        ...operation,
        method: method.toUpperCase(),
        path: pattern,
      });
    }
  }
  return operations;
}

/**
 * Has every answer of a test's app that says "too many" compared with the document: whichever test first runs into a
 * limit fails when the route does not declare it.
 * @throws Error naming the route, out of `app.request()` and `app.fetch()`
 */
export function checkingLimits(app: Router): Router {
  const fetch = app.fetch;
  let operations: ReturnType<typeof operationsOf> | undefined;
  app.fetch = async (request, ...rest) => {
    const response = await fetch(request, ...rest);
    if (response.status !== 429) return response;
    operations ??= operationsOf(app);
    const { pathname } = new URL(request.url);
    const found = [...operations.values()].find(
      ({ method, path }) => method === request.method && path.test(pathname),
    );
    if (!found?.responses?.["429"]) {
      throw new Error(`${request.method} ${pathname} answered 429, which it does not declare`);
    }
    return response;
  };
  return app;
}

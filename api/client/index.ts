/**
 * The typed client of AIForge's api, for pages, nodes and tests: one function for each route, named by its
 * `operationId`. `generated/` is written by `npm run client -w api` and never edited.
 *
 * @example
 * import { createClient, createConfig, listChains } from "@aiforge/api/client";
 * const client = createClient(createConfig({ baseUrl: "http://localhost:3000" }));
 * const { data, error } = await listChains({ client });
 */
export { createClient, createConfig } from "./generated/client/index.ts";
export * from "./generated/index.ts";

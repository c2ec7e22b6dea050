import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "@hey-api/openapi-ts";
import { createApp } from "../src/app.ts";
import { readConfig } from "../src/config.ts";
import { createDeps } from "../src/deps.ts";
import { openApiDocument } from "../src/features/docs/document.ts";

/** The document of the app as it is in the sources; nothing is started or connected to. */
export async function currentDocument() {
  const DATA_DIR = await mkdtemp(join(tmpdir(), "aiforge-client-"));
  try {
    const config = readConfig({
      DATA_DIR,
      AUTH_SECRET: "nothing is ever signed with this secret",
      WEIGHTS_SECRET: "nothing is ever encrypted with this secret",
      LOG_LEVEL: "silent",
    });
    return openApiDocument(createApp(createDeps(config)));
  } finally {
    await rm(DATA_DIR, { recursive: true, force: true });
  }
}

/** Writes the typed client of `/api` into a folder. */
export async function generateClient(path: string): Promise<void> {
  const document = await currentDocument();
  await createClient({
    // A copy: the generator writes into what it is given.
    input: structuredClone(document) as unknown as Record<string, unknown>,
    output: { path, module: { extension: ".ts" } },
    plugins: ["@hey-api/client-fetch", "@hey-api/typescript", { name: "@hey-api/sdk" }],
    logs: { level: "silent", file: false },
  });
  // A name of the browser's library that Node's types do not have.
  const runtime = join(path, "client/client.gen.ts");
  const text = await readFile(runtime, "utf8");
  await writeFile(runtime, text.replaceAll(/\bBodyInit\b/g, 'NonNullable<RequestInit["body"]>'));
}

if (import.meta.main) {
  const path = fileURLToPath(new URL("../client/generated", import.meta.url));
  await generateClient(path);
  console.log("api/client/generated is as the routes are.");
  process.exit(0);
}

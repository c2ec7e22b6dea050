import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateClient } from "../scripts/generate-client.ts";
import { createTestApi, type TestApi } from "../src/testing/harness.ts";
import { createClient, createConfig, getGroup, listChains, me, register } from "./index.ts";

describe("the generated client", () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await createTestApi();
  });
  afterAll(() => api.close());

  it("is what the routes give now (else run `npm run client -w api`)", async () => {
    const fresh = await mkdtemp(join(tmpdir(), "aiforge-client-test-"));
    await generateClient(fresh);
    const committed = fileURLToPath(new URL("./generated", import.meta.url));
    expect(await textsIn(committed)).toEqual(await textsIn(fresh));
    await rm(fresh, { recursive: true, force: true });
  });

  it("calls the api, with types", async () => {
    const fetchFromApp = async (request: Request) => api.app.request(request);
    const client = createClient(
      createConfig({ baseUrl: "http://localhost:3000", fetch: fetchFromApp as typeof fetch }),
    );
    const { data: chains } = await listChains({ client });
    expect(chains?.chains[0]?.chainId).toBe(31337);

    const email = `client.${Date.now()}@example.org`;
    const { data: signedIn } = await register({
      client,
      body: { email, password: "a long enough password", name: "Client" },
    });
    client.setConfig({ auth: () => signedIn?.token });
    const { data: who } = await me({ client });
    expect(who?.user).toMatchObject({ id: signedIn?.user.id, email });

    const { error } = await getGroup({ client, path: { id: "00000000-0000-4000-8000-000000000000" } });
    expect(error?.error.code).toBe("not_found");
  });
});

async function textsIn(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(paths.sort().map((path) => readFile(path, "utf8")));
  return Object.fromEntries(paths.map((path, at) => [path.slice(folder.length), texts[at]!]));
}

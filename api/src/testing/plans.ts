import { accountRef } from "@aiforge/contracts";
import { createTestApi, type TestApi } from "./harness.ts";
import { listen, type NodePeer, servingPeer } from "./node-peer.ts";
import { bodyOf, registerUser, send, type TestUser } from "./users.ts";

/** An instance of the api with a node of its own that serves a model; several share one database. */
export interface Instance {
  api: TestApi;
  server: Awaited<ReturnType<typeof listen>>;
  peer: NodePeer;
  close: () => Promise<void>;
}

export async function startInstance(modelId: string): Promise<Instance> {
  const api = await createTestApi({ GATEWAY_REQUESTS_PER_MINUTE: "10000" }, { cancel: 300 });
  const server = await listen(api);
  return {
    api,
    server,
    peer: await servingPeer(api, server.url, [modelId], { capacity: 200 }),
    close: async () => {
      await server.close();
      await api.close();
    },
  };
}

/** Asks a model to answer "hi" with a key. */
export function askWith(secret: string, model: string) {
  return ({ api }: { api: TestApi }, more: object = {}) =>
    send(
      api,
      "POST",
      "/api/v1/chat/completions",
      { model, messages: [{ role: "user", content: "hi" }], ...more },
      { authorization: `Bearer ${secret}` },
    );
}

export async function secretOf(user: TestUser): Promise<string> {
  const response = await user.call("POST", "/api/keys", { name: "test" });
  return (await bodyOf<{ secret: string }>(response)).secret;
}

/** A new user who paid nothing, with a key. */
export async function freeCustomer(api: TestApi, model: string) {
  const user = await registerUser(api);
  const secret = await secretOf(user);
  return { ...user, secret, account: accountRef("user", user.id), ask: askWith(secret, model) };
}

/** Makes it so that an account used this much of its plan today and this month. */
export async function useUp(
  { deps }: TestApi,
  account: string,
  { requests = 0, tokens = 0 }: { requests?: number; tokens?: number },
): Promise<void> {
  const today = "(now() AT TIME ZONE 'UTC')::date";
  await deps.db.$client.query(
    `INSERT INTO app.plan_usage (account, day, requests, month, tokens, granted)
     VALUES ($1, ${today}, $2, date_trunc('month', ${today})::date, $3, 0)
     ON CONFLICT (account) DO UPDATE SET requests = $2, tokens = $3`,
    [account, requests, tokens],
  );
}

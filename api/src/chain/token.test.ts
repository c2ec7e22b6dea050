import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { deployments } from "@aiforge/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createTestApi, type TestApi } from "../testing/harness.ts";
import { checkTokens } from "./token.ts";

const { usdt, aiforge } = deployments[31337]!;
const OTHER = "0x00000000000000000000000000000000000000aa";
const wrong = `${OTHER} is configured as USDT, but the contract ${aiforge} was made for ${usdt}`;

let away = false;
let node: Server;
let api: TestApi | undefined;
beforeEach(async () => {
  // The test's chain, which can be away.
  node = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const answer = away
      ? new Response("", { status: 503 })
      : await fetch(process.env.API_TEST_RPC_URL!, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body,
        });
    response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
  });
  await once(node.listen(0, "127.0.0.1"), "listening");
});
afterEach(async () => {
  await api?.close();
  node.closeAllConnections();
  node.close();
});

const open = async (env: Record<string, string>) => {
  const { port } = node.address() as AddressInfo;
  api = await createTestApi({ RPC_URL_31337: `http://127.0.0.1:${port}`, ...env });
  return api.deps;
};

it("takes a token that the contract was made for", async () => {
  away = false;
  const { later } = await checkTokens(await open({}));
  await later;
});

it("refuses another token than the contract's, and names both", async () => {
  away = false;
  await expect(checkTokens(await open({ USDT_ADDRESS_31337: OTHER }))).rejects.toThrow(
    new RegExp(wrong, "i"),
  );
});

it("does not wait for a chain that is away, and refuses the wrong token once it answers", async () => {
  away = true;
  const { later } = await checkTokens(await open({ USDT_ADDRESS_31337: OTHER }), { againMs: 100 });
  const refused = expect(later).rejects.toThrow(new RegExp(wrong, "i"));
  away = false;
  await refused;
});

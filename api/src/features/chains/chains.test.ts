import { DEMO_ACCOUNTS, deployments } from "@aiforge/contracts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { bodyOf, send } from "../../testing/users.ts";

type Chains = { chains: Record<string, unknown>[] };

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

it("tells what a wallet needs to know of the chain, and how far the mirror is", async () => {
  const chain = await eventually("the mirror's first block", async () => {
    const { chains } = await bodyOf<Chains>(await send(api, "GET", "/api/chains"));
    return chains[0]?.mirroredBlock ? chains[0] : null;
  });
  expect(chain).toMatchObject({
    chain: "eip155:31337",
    namespace: "eip155",
    chainId: 31337,
    rpcUrl: "/rpc/31337",
    aiforge: deployments[31337]!.aiforge.toLowerCase(),
    usdt: deployments[31337]!.usdt.toLowerCase(),
    treasury: DEMO_ACCOUNTS[2]!.address.toLowerCase(),
    confirmations: 3,
    explorer: null,
    demo: true,
  });
  expect(chain.headBlock).toBeGreaterThan(0);
  expect(Number(chain.headBlock)).toBeGreaterThanOrEqual(Number(chain.mirroredBlock) - 2);
});

it("answers without the chain", async () => {
  const alone = await createTestApi({ RPC_URL_31337: "http://127.0.0.1:9" });
  const { chains } = await bodyOf<Chains>(await send(alone, "GET", "/api/chains"));
  expect(chains).toMatchObject([{ chainId: 31337, headBlock: null }]);
  await alone.close();
});

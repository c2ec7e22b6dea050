import type { DistributionInputs, ReadProgress } from "@aiforge/contracts";
import { createPublicClient, http, keccak256 } from "viem";
import { foundry } from "viem/chains";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesOf, FIRST, leftBy, Pool } from "../../../../scripts/audit/fixture.ts";
import { Auditor, type ReadInputs } from "./audit.ts";

let pool: Pool;
let first: DistributionInputs;
let second: DistributionInputs;

beforeAll(async () => {
  pool = await Pool.start();
  await pool.goTo((await pool.month()) + 1);
  const month = await pool.month();
  await pool.buyPlan(2n, "a");
  await pool.buyPlan(1n, "b");
  await pool.goTo(month + 1);
  first = await pool.inputs(month, FIRST, [1_000n, 2_000n]);
  await pool.post(first);
  await pool.buyPlan(3n, "c");
  await pool.goTo(month + 2);
  second = await pool.inputs(month + 1, leftBy(first), [40n]);
  await pool.post(second);
}, 60_000);
afterAll(() => pool?.stop());

const published: ReadInputs = async (month) => (month === first.month ? bytesOf(first) : null);

function auditor(readInputs: ReadInputs = published, aiforge = pool.deployment.aiforge) {
  const transport = http(pool.rpcUrl, { retryCount: 0 });
  return new Auditor(createPublicClient({ chain: foundry, transport }), aiforge, readInputs);
}

const open = (inputs: DistributionInputs, from = auditor()) => from.open(inputs.month, bytesOf(inputs), {});
const failed = async (inputs: DistributionInputs, from = auditor()) =>
  (await open(inputs, from))(bytesOf(inputs))
    .checks.filter(({ ok }) => !ok)
    .map(({ id }) => id);

describe("an audit in the browser", () => {
  it("holds for what was published, and says how far it is while it reads", async () => {
    const progress: ReadProgress[] = [];
    const onProgress = (at: ReadProgress) => progress.push(at);
    const audit = await auditor().open(first.month, bytesOf(first), { onProgress });
    const { ok, checks, month } = audit(bytesOf(first));
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect([ok, month?.distribution.models.length]).toEqual([true, 2]);
    expect(progress.at(-1)).toMatchObject({ of: "blocks", done: progress.at(-1)?.all });
    expect(await failed(second)).toEqual([]);
  });

  it("turns red for any other byte, wherever it is", async () => {
    const bytes = bytesOf(second);
    const audit = await open(second);
    for (let at = 0; at < bytes.length; at += 7) {
      const forged = bytes.slice();
      forged[at] = (forged[at] as number) ^ 1;
      expect(audit(forged).ok, `byte ${at}`).toBe(false);
    }
    expect(audit(bytes).ok).toBe(true);
  });

  it("turns red for a purchase left out, even where the root is that of the inputs without it", async () => {
    const hiding = { ...second, purchases: second.purchases.slice(1) };
    expect(await failed(hiding)).toEqual(["bytes", "root", "total", "purchases"]);
    await pool.veto();
    await pool.post(hiding);
    expect(await failed(hiding)).toEqual(["purchases"]);
    expect(await failed(second)).toEqual(["bytes", "root", "total"]);
    await pool.veto();
    expect(await failed(second)).toEqual(["root"]);
    await pool.post(second);
    expect(await failed(second)).toEqual([]);
  });

  it("turns red for another root before, and where the inputs of the month before are kept back", async () => {
    const other = { ...second, previous: { ...second.previous, root: keccak256("0x01") } };
    expect(await failed(other)).toEqual(["bytes", "root", "previous"]);
    expect(
      await failed(
        second,
        auditor(async () => null),
      ),
    ).toEqual(["previous"]);
    const forged = { ...first, purchases: [] };
    expect(
      await failed(
        second,
        auditor(async () => bytesOf(forged)),
      ),
    ).toEqual(["previous"]);
  });

  it("turns red for another contract", async () => {
    expect(await failed(first, auditor(published, pool.deployment.usdt))).toContain("contract");
  });

  it("reads the chain once for the months that are looked at in a row", async () => {
    let reads = 0;
    const transport = http(pool.rpcUrl, {
      retryCount: 0,
      onFetchRequest: async (request) => {
        if ((await request.clone().text()).includes("eth_getLogs")) reads++;
      },
    });
    const { aiforge } = pool.deployment;
    const one = new Auditor(createPublicClient({ chain: foundry, transport }), aiforge, published);
    expect([await failed(first, one), await failed(second, one), reads]).toEqual([[], [], 1]);
  });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import {
  contentCid,
  type DistributionInputs,
  distribute,
  monthIndex,
  monthOf,
  monthStart,
  serializeInputs,
} from "@aiforge/contracts";
import { type Hex, keccak256, stringToBytes } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runAudit } from "./cli.ts";
import { FIRST, leftBy, Pool, USDT } from "./fixture.ts";
import { recompute } from "./recompute.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const hash = (seed: string): Hex => keccak256(stringToBytes(seed));

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aiforge-audit-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function audit(...args: string[]): Promise<{ code: number; output: string }> {
  const lines: string[] = [];
  const code = await runAudit(args, (line) => lines.push(line));
  return { code, output: lines.join("\n") };
}

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

const byModel = (a: { modelId: string }, b: { modelId: string }) => (a.modelId < b.modelId ? -1 : 1);

const november: DistributionInputs = {
  chain: "eip155:31337",
  aiforge: "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512",
  month: "2026-11",
  previous: { month: null, root: null, carry: 0n, cumulative: [] },
  purchases: [
    {
      txHash: hash("purchase"),
      logIndex: 1,
      plan: 3,
      months: 1,
      price: 1_000n * USDT,
      fee: 300n * USDT,
      periods: [{ index: 0, start: Number(monthStart(monthOf(1_795_000_000n))) }],
    },
  ],
  usage: [40n, 30n, 20n, 10n]
    .map((tokens, at) => ({ modelId: hash(`m${at}`), splitId: hash(`s${at}`), tokens }))
    .sort(byModel),
};
const text11 = serializeInputs(november);
const month11 = distribute(november);
const december: DistributionInputs = {
  ...november,
  month: "2026-12",
  previous: { month: "2026-11", root: month11.root, carry: 0n, cumulative: month11.cumulative },
  purchases: [],
};

describe("the audit", () => {
  it("recomputes a month offline and explains each amount", async () => {
    const path = await file("good.json", text11);
    const cid = contentCid(stringToBytes(text11));
    const { code, output } = await audit(path, "--root", month11.root, "--cid", cid);
    expect([code, output.match(/✖/)]).toEqual([0, null]);
    expect(output).toContain(month11.root);
    expect(output).toContain("700.00 × 40 ÷ 100 = 280.00 USDT");
    for (const amount of ["280.00", "210.00", "140.00", "70.00"])
      expect(output).toContain(`is owed ${amount} USDT in its life`);
  });

  it("goes red on any one byte that is not as published", () => {
    const bytes = stringToBytes(text11);
    expect(recompute(bytes)).toHaveProperty("distribution.root", month11.root);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 1 + (at % 7);
      const month = recompute(changed);
      if ("ok" in month) expect(month.ok, `byte ${at}`).toBe(false);
      else expect(month.distribution.root, `byte ${at}`).not.toBe(month11.root);
    }
  }, 60_000);

  it("ends with 1 and says why for bytes of another CID, another root, and no inputs at all", async () => {
    const tokens = text11.replace('"tokens":"40"', '"tokens":"41"');
    const path = await file("changed.json", tokens);
    const cid = contentCid(stringToBytes(text11));
    const changed = await audit(
      path,
      "--root",
      month11.root,
      "--cid",
      cid,
      "--compare",
      await file("b.json", text11),
    );
    expect(changed.code).toBe(1);
    expect(changed.output).toMatch(/✖ The bytes have the CID/);
    expect(changed.output).toMatch(/✖ The root of these inputs is/);
    expect(changed.output).toMatch(
      /✖ Model 0x[0-9a-f]{64}: 40 tokens and 280.00 USDT .* 41 tokens and 284.158415 USDT/,
    );
    const spaced = await audit(await file("spaced.json", `${text11}\n`), "--root", month11.root);
    expect([spaced.code, spaced.output]).toEqual([1, expect.stringContaining("Not canonical")]);
    const nothing = await audit(await file("nothing.json", "{}"));
    expect([nothing.code, nothing.output]).toEqual([1, expect.stringContaining("is missing")]);
  });

  it("holds a month to what the month before left", async () => {
    const before = await file("11.json", text11);
    const good = await audit(await file("12.json", serializeInputs(december)), "--previous", before);
    expect(good.code).toBe(0);
    const cumulative = december.previous.cumulative.map((row, at) => ({
      ...row,
      amount: row.amount + BigInt(at),
    }));
    const more = { ...december, previous: { ...december.previous, carry: 1n, cumulative } };
    const bad = await audit(await file("more.json", serializeInputs(more)), "--previous", before);
    expect(bad.code).toBe(1);
    expect(bad.output).toMatch(/✖ The inputs carry 0.000001 USDT; 2026-11 left 0.00 USDT/);
    expect(bad.output.match(/✖ Split /g)).toHaveLength(3);
  });

  it("is a command of the repository", async () => {
    const path = await file("command.json", text11);
    const command = (...args: string[]) =>
      spawn("npx", ["--no", "audit", path, ...args], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    const good = command("--root", month11.root);
    expect(await text(good.stdout)).toContain("All is as it should be.");
    const bad = command("--root", hash("another"));
    const ended = once(bad, "exit");
    expect(await text(bad.stdout)).toContain("✖ The root of these inputs is");
    expect((await ended)[0]).toBe(1);
  }, 120_000);

  it("says so when the chain does not answer", async () => {
    const path = await file("offline.json", text11);
    const asked = ["--rpc", "http://127.0.0.1:1", "--contract", november.aiforge];
    const { code, output } = await audit(path, ...asked);
    expect([code, output]).toEqual([2, expect.stringMatching(/The chain does not answer/)]);
  }, 60_000);

  it.each([
    [["no-such-file.json"], /cannot be read/],
    [[], /Name one file/],
    [["a.json", "--root", "0x12"], /--root is/],
    [["a.json", "--rpc", "http://127.0.0.1:1"], /go together/],
    [["a.json", "--what"], /Unknown option/],
  ])("says how it is used after %j", async (args, message) => {
    const { code, output } = await audit(...args);
    expect([code, output]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe("against the chain", () => {
  let pool: Pool;
  let first: DistributionInputs;
  let idle: DistributionInputs;
  let last: DistributionInputs;

  const against = async (inputs: DistributionInputs, name: string, ...more: string[]) => {
    const asked = ["--rpc", pool.rpcUrl, "--contract", pool.deployment.aiforge, ...more];
    return audit(await file(name, serializeInputs(inputs)), ...asked);
  };

  beforeAll(async () => {
    pool = await Pool.start();
    await pool.goTo((await pool.month()) + 1);
    const month = await pool.month();
    await pool.buyPlan(2n, "a");
    await pool.buyPlan(2n, "a");
    await pool.goTo(month + 1);
    first = await pool.inputs(month, FIRST, [5n]);
  }, 60_000);
  afterAll(() => pool?.stop());

  it("finds the root, the purchases and the splits, and what of them is not so", async () => {
    const missing = await against(first, "unposted.json");
    expect([missing.code, missing.output]).toEqual([1, expect.stringMatching(/✖ The chain has no root of/)]);
    await pool.post(first);
    await pool.veto();
    expect((await against(first, "vetoed.json")).output).toMatch(/✖ The chain has no root of/);
    await pool.post(first);
    const found = await against(first, "posted.json");
    expect([found.code, found.output.match(/✖.*/)]).toEqual([0, null]);
    expect((await against(first, "from.json", "--from", "1")).code).toBe(0);

    const other = await against(
      { ...first, usage: [{ ...first.usage[0]!, splitId: hash("mine") }] },
      "split.json",
    );
    expect(other.code).toBe(1);
    expect(other.output).toMatch(/✖ The chain has the root/);
    expect(other.output).toMatch(/✖ Model .* is paid through split/);
    const without = await against({ ...first, purchases: [] }, "without.json");
    expect(without.output).toMatch(/✖ Plan purchase .* is left out/);
    const invented = { ...first.purchases[0]!, txHash: hash("never") };
    const more = await against(
      { ...first, purchases: [...first.purchases, invented].sort(byHash) },
      "more.json",
    );
    expect(more.output).toMatch(/✖ The chain has no plan purchase/);
  }, 60_000);

  it("asks for the months before, back to one that was posted", async () => {
    const month = monthIndex(first.month);
    await pool.goTo(month + 2);
    idle = await pool.inputs(month + 1, leftBy(first), []);
    await pool.goTo(month + 3);
    last = await pool.inputs(month + 2, leftBy(idle), [3n]);
    await pool.post(last);
    const before = [
      await file("a.json", serializeInputs(idle)),
      await file("b.json", serializeInputs(first)),
    ];
    const alone = await against(last, "alone.json");
    expect([alone.code, alone.output]).toEqual([1, expect.stringMatching(/✖ Give them with --previous/)]);
    expect((await against(last, "one.json", "--previous", before[0]!)).code).toBe(1);
    const both = before.flatMap((path) => ["--previous", path]);
    expect(await against(last, "both.json", ...both)).toMatchObject({ code: 0 });
    const other = { ...last, previous: { ...last.previous, root: hash("other") } };
    const wrong = await against(other, "other.json", ...both);
    expect([wrong.code, wrong.output]).toEqual([
      1,
      expect.stringMatching(/✖ The inputs name 0x.* as the root/),
    ]);
  }, 60_000);

  const byHash = (a: { txHash: string }, b: { txHash: string }) => (a.txHash < b.txHash ? -1 : 1);
});

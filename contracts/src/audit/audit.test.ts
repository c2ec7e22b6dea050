import { keccak256 } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asIfPosted, bytesOf, FIRST, leftBy, Pool } from "../../../scripts/audit/fixture.ts";
import {
  auditMonth,
  type ChainRecord,
  type Check,
  type DistributionInputs,
  monthIndex,
  monthText,
  readEarlier,
} from "../index.ts";

let pool: Pool;
let record: ChainRecord;
/** Three months: of two models, of none, so that nothing is posted, and of one again. */
let first: DistributionInputs;
let idle: DistributionInputs;
let last: DistributionInputs;
const published = new Map<string, Uint8Array>();

beforeAll(async () => {
  pool = await Pool.start();
  await pool.goTo((await pool.month()) + 1);
  const month = await pool.month();
  await pool.buyPlan(2n, "a");
  await pool.buyPlan(3n, "b");
  await pool.goTo(month + 1);
  first = await pool.inputs(month, FIRST, [70n, 30n]);
  // Refused and posted again: a different root, then the same.
  await pool.post({ ...first, usage: first.usage.slice(1) });
  await pool.veto();
  await pool.post(first);
  await pool.veto();
  await pool.post(first);
  await pool.buyPlan(1n, "c");
  await pool.goTo(month + 2);
  idle = await pool.inputs(month + 1, leftBy(first), []);
  await pool.buyPlan(1n, "d");
  await pool.goTo(month + 3);
  last = await pool.inputs(month + 2, leftBy(idle), [5n]);
  await pool.post(last);
  record = await pool.record();
  for (const inputs of [first, idle, last]) published.set(inputs.month, bytesOf(inputs));
}, 60_000);
afterAll(() => pool?.stop());

const read = async (month: string) => published.get(month) ?? null;

/** What is wrong with a month, by question. */
async function wrong(
  inputs: DistributionInputs,
  on: ChainRecord = record,
  from: (month: string) => Promise<Uint8Array | null> = read,
): Promise<Partial<Record<Check["id"], string>>> {
  const bytes = bytesOf(inputs);
  const earlier = await readEarlier(bytes, on, from);
  const audit = auditMonth(bytes, on, { month: monthIndex(inputs.month), earlier });
  const failed = audit.checks.filter(({ ok }) => !ok);
  expect(audit.ok).toBe(failed.length === 0);
  return Object.fromEntries(failed.map(({ id, details }) => [id, details.join("\n")]));
}

/** Forged, and posted by who forged it: what the chain has of that month itself shows nothing. */
const forged = (inputs: DistributionInputs) => wrong(inputs, asIfPosted(record, inputs));

describe("an audit against the chain", () => {
  it("holds for what was published: posted, refused before, and not posted as nothing was owed", async () => {
    expect(record.posts.map(({ vetoed }) => vetoed)).toEqual([true, true, false, false]);
    expect(Math.min(idle.purchases.length, last.purchases.length)).toBeGreaterThan(0);
    for (const inputs of [first, idle, last]) expect(await wrong(inputs), inputs.month).toEqual({});
  });

  it("turns red for any other byte of a month", async () => {
    for (const inputs of [first, idle, last]) {
      const bytes = bytesOf(inputs);
      const earlier = await readEarlier(bytes, record, read);
      for (let at = 0; at < bytes.length; at += 3) {
        const changed = bytes.slice();
        changed[at]! ^= 1 + (at % 7);
        const { ok } = auditMonth(changed, record, { month: monthIndex(inputs.month), earlier });
        expect(ok, `${inputs.month}, byte ${at}`).toBe(false);
      }
    }
  });

  it("turns red for a purchase left out, invented or altered, even if the root is that of the forgery", async () => {
    for (const inputs of [first, last]) {
      const [one, ...rest] = inputs.purchases;
      expect(await forged({ ...inputs, purchases: rest })).toEqual({
        purchases: expect.stringContaining(`${one!.txHash} ${one!.logIndex} of the chain is left out`),
      });
      const invented = { ...one!, txHash: keccak256(one!.txHash) };
      const more = [...inputs.purchases, invented].sort((a, b) => (a.txHash < b.txHash ? -1 : 1));
      expect(await forged({ ...inputs, purchases: more })).toEqual({
        purchases: expect.stringContaining(`The chain has no plan purchase ${invented.txHash}`),
      });
      const cheaper = { ...one!, price: one!.price - 10n, fee: one!.fee - 3n };
      expect(await forged({ ...inputs, purchases: [cheaper, ...rest] })).toEqual({
        purchases: expect.stringMatching(/on the chain, .* in the inputs/),
      });
    }
  });

  it("turns red for another root before, carry, or share of a split, and without the month before", async () => {
    const other = { ...last.previous, root: keccak256("0x01") };
    expect((await forged({ ...last, previous: other })).previous).toMatch(/as the root of/);
    const less = { ...last.previous, carry: last.previous.carry - 1n };
    expect((await forged({ ...last, previous: less })).previous).toMatch(/The inputs carry/);
    const [a, b] = last.previous.cumulative;
    const moved = [
      { ...a!, amount: a!.amount - 1n },
      { ...b!, amount: b!.amount + 1n },
    ];
    const problem = (await forged({ ...last, previous: { ...last.previous, cumulative: moved } })).previous;
    expect(problem?.match(/Split 0x/g)).toHaveLength(2);
    const none = await wrong(last, record, async () => null);
    expect(none).toEqual({ previous: expect.stringMatching(/is not known without its inputs/) });
    const garbage = await wrong(last, record, async () => new Uint8Array([1]));
    expect(Object.keys(garbage)).toEqual(["previous"]);
  });

  it("holds the month before to the chain, which has its root", async () => {
    const posted = record.posts.at(-1)!;
    const elsewhere = { ...record, posts: [{ ...posted, root: keccak256("0x02"), month: posted.month - 2 }] };
    const found = await wrong({ ...idle }, elsewhere);
    expect(found.previous).toMatch(/the chain has 0x/);
    const refused = record.posts.map((post) => ({ ...post, vetoed: post.month === monthIndex(first.month) }));
    expect((await wrong(idle, { ...record, posts: refused })).previous).toMatch(
      /the chain has no root of it/,
    );
  });

  it("finds what a month that was not posted left out, from the month after it", async () => {
    // The idle month hides a purchase, and the next carries what is left: neither contradicts the other.
    const hiding = { ...idle, purchases: idle.purchases.slice(1) };
    const after = { ...last, previous: leftBy(hiding) };
    const found = await wrong(after, asIfPosted(record, after), async (month) =>
      month === idle.month ? bytesOf(hiding) : read(month),
    );
    expect(found).toEqual({
      previous: expect.stringContaining(`of the chain is left out of ${idle.month}`),
    });
  });

  it("turns red for a first month that is none", async () => {
    const found = await wrong({ ...idle, previous: FIRST });
    expect(found.previous).toMatch(/the chain has a root of/);
    expect(found.previous).toMatch(/bought a plan in/);
  });

  it("turns red for another split, contract and month, and for a root that was refused", async () => {
    const usage = [{ ...last.usage[0]!, splitId: keccak256("0x03") }];
    expect((await forged({ ...last, usage })).splits).toMatch(/is paid through split/);
    const elsewhere = { ...record, chain: "eip155:1" };
    expect((await wrong(last, elsewhere)).contract).toMatch(/this is .* eip155:1/);
    const earlier = await readEarlier(bytesOf(last), record, read);
    const { checks } = auditMonth(bytesOf(last), record, { month: monthIndex(first.month), earlier });
    expect(checks.filter(({ ok }) => !ok).map(({ id }) => id)).toContain("contract");
    const refused = { ...record, posts: record.posts.map((post) => ({ ...post, vetoed: true })) };
    expect((await wrong(first, refused)).root).toMatch(/an admin refused it/);
    expect((await wrong(last, { ...record, posts: record.posts.slice(0, 3) })).root).toMatch(
      `The chain has no root of ${monthText(monthIndex(last.month))}`,
    );
    const nothing = auditMonth(new Uint8Array([123]), record, { month: 1, earlier: [] });
    expect(nothing).toMatchObject({ ok: false, month: null, checks: [{ id: "form" }] });
  });
});

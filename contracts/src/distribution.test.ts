import fc from "fast-check";
import { type Hex, keccak256, stringToBytes } from "viem";
import { describe, expect, it } from "vitest";
import {
  claimOf,
  type DistributionInputs,
  distribute,
  FEES,
  InputsError,
  monthIndex,
  monthStart,
  monthText,
  type PlanPurchase,
  parseInputs,
  poolPart,
  purchasesOfMonth,
  serializeInputs,
} from "./index.ts";

const USDT = 1_000_000n;
const MONTH = monthIndex("2026-11");
const hash = (seed: unknown): Hex => keccak256(stringToBytes(`${seed}`));
const AIFORGE = "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512";

const first = (rows: Partial<DistributionInputs>): DistributionInputs => ({
  chain: "eip155:31337",
  aiforge: AIFORGE,
  month: "2026-11",
  previous: { month: null, root: null, carry: 0n, cumulative: [] },
  purchases: [],
  usage: [],
  ...rows,
});

const byModel = (a: { modelId: string }, b: { modelId: string }) => (a.modelId < b.modelId ? -1 : 1);

/** Purchases of one month each that bring the pool `amount` in all, which 0.7 of a price can be. */
const bought = (price: bigint, seed = "purchase"): DistributionInputs["purchases"] => [
  {
    txHash: hash(seed),
    logIndex: 3,
    plan: 3,
    months: 1,
    price,
    fee: (price * FEES.planBps) / FEES.bps,
    periods: [{ index: 0, start: Number(monthStart(MONTH)) + 86_400 }],
  },
];

/** Any purchases, each of an account of its own, and any use. */
const scenario = fc.record({
  purchases: fc.array(
    fc.record({
      plan: fc.integer({ min: 1, max: 3 }),
      account: fc.integer({ min: 1, max: 4 }),
      months: fc.integer({ min: 1, max: 14 }),
      price: fc.bigInt({ min: 1n, max: 2n ** 40n }),
      // From three months before the month to its last second.
      ago: fc.integer({ min: 1, max: 120 * 86_400 }),
    }),
    { maxLength: 12 },
  ),
  usage: fc.uniqueArray(
    fc.record({
      model: fc.integer({ min: 1, max: 30 }),
      split: fc.integer({ min: 1, max: 6 }),
      tokens: fc.bigInt({ min: 1n, max: 2n ** 60n }),
    }),
    { maxLength: 10, selector: ({ model }) => model },
  ),
});

type Scenario = (typeof scenario extends fc.Arbitrary<infer T> ? T : never) & object;

const purchasesOf = ({ purchases }: Scenario): PlanPurchase[] =>
  purchases.map(({ ago, price, account, ...rest }, at) => ({
    ...rest,
    account: hash(account),
    price,
    fee: (price * FEES.planBps) / FEES.bps,
    txHash: hash(`tx ${at}`),
    logIndex: at,
    blockNumber: 10_000_000n - BigInt(ago),
    blockTimestamp: monthStart(MONTH + 1) - BigInt(ago),
  }));

const usageOf = ({ usage }: Scenario): DistributionInputs["usage"] =>
  usage
    .map(({ model, split, tokens }) => ({ modelId: hash(`m${model}`), splitId: hash(`s${split}`), tokens }))
    .sort(byModel);

describe("a month of the pool", () => {
  it("shares 700 over use of 40, 30, 20 and 10 per cent as 280, 210, 140 and 70", () => {
    const usage = [40n, 30n, 20n, 10n].map((tokens, at) => ({
      modelId: hash(`model ${at}`),
      splitId: hash(`split ${at}`),
      tokens,
    }));
    const month = distribute(first({ purchases: bought(1_000n * USDT), usage: [...usage].sort(byModel) }));
    expect(month.pool).toBe(700n * USDT);
    const amounts = usage.map(({ splitId }) => claimOf(month, splitId)?.amount);
    expect(amounts).toEqual([280n * USDT, 210n * USDT, 140n * USDT, 70n * USDT]);
    expect([month.carry, month.total, month.changed]).toEqual([0n, 700n * USDT, true]);
  });

  it("carries all of it when nothing was used, into the next month", () => {
    const empty = distribute(first({ purchases: bought(10n * USDT) }));
    expect(empty).toMatchObject({ pool: 7n * USDT, carry: 7n * USDT, total: 0n, changed: false });
    const next = distribute({
      ...first({ month: "2026-12", usage: [{ modelId: hash(1), splitId: hash(2), tokens: 1n }] }),
      previous: { month: "2026-11", root: empty.root, carry: empty.carry, cumulative: empty.cumulative },
    });
    expect(next).toMatchObject({ pool: 7n * USDT, carry: 0n, total: 7n * USDT, changed: true });
  });

  it("brings in each period of a purchase with the month that it starts in, all of them the whole", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 2n ** 60n }),
        fc.integer({ min: 1, max: 120 }),
        (price, months) => {
          const fee = (price * FEES.planBps) / FEES.bps;
          const at = monthStart(MONTH) + 1_234n;
          const one = { txHash: hash(1), logIndex: 0, blockNumber: 1n, blockTimestamp: at };
          const purchase = { ...one, plan: 1, account: hash(2), months, price, fee };
          let sum = 0n;
          let periods = 0;
          for (let month = MONTH; month <= MONTH + 120; month++) {
            for (const row of purchasesOfMonth([purchase], month)) {
              sum += poolPart(row);
              periods += row.periods.length;
            }
          }
          expect([sum, periods]).toEqual([price - fee, months]);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("is shared to the unit, never owes less than before, and does not mind the order of what it is given", () => {
    fc.assert(
      fc.property(fc.array(scenario, { minLength: 1, maxLength: 4 }), (months) => {
        let previous: DistributionInputs["previous"] = { month: null, root: null, carry: 0n, cumulative: [] };
        for (const [at, each] of months.entries()) {
          const month = monthText(MONTH + at);
          const shift = monthStart(MONTH + at + 1) - monthStart(MONTH + 1);
          const all = purchasesOf(each).map((row) => ({
            ...row,
            blockTimestamp: row.blockTimestamp + shift,
          }));
          const usage = usageOf(each);
          const inputs = {
            ...first({ month, usage, purchases: purchasesOfMonth(all, MONTH + at) }),
            previous,
          };
          const result = distribute(inputs);
          const again = distribute({
            ...inputs,
            purchases: purchasesOfMonth([...all].reverse(), MONTH + at),
          });
          expect(again.root).toBe(result.root);

          const shared = result.models.reduce((sum, { amount }) => sum + amount, 0n);
          expect(shared + result.carry).toBe(result.pool);
          if (usage.length > 0) expect(result.carry).toBeLessThan(BigInt(usage.length));
          const before = previous.cumulative.reduce((sum, { amount }) => sum + amount, 0n);
          expect(result.total).toBe(before + shared);
          for (const { splitId, amount } of previous.cumulative) {
            expect(claimOf(result, splitId)!.amount).toBeGreaterThanOrEqual(amount);
          }
          for (const { splitId, amount } of result.cumulative) {
            const claim = claimOf(result, splitId)!;
            expect(result.tree.verify([splitId, `${amount}`], claim.proof)).toBe(true);
          }
          previous = { month, root: result.root, carry: result.carry, cumulative: result.cumulative };
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it("has another root for other inputs, even where the amounts are the same", () => {
    const usage = [{ modelId: hash(1), splitId: hash(2), tokens: 10n }];
    const one = distribute(first({ purchases: bought(10n * USDT), usage }));
    const other = distribute(first({ purchases: bought(10n * USDT, "another"), usage }));
    expect(other.cumulative).toEqual(one.cumulative);
    expect(other.root).not.toBe(one.root);
  });
});

describe("the inputs", () => {
  it("are read as they were written, and written as they were read", () => {
    fc.assert(
      fc.property(scenario, (each) => {
        const inputs = first({ purchases: purchasesOfMonth(purchasesOf(each), MONTH), usage: usageOf(each) });
        const text = serializeInputs(inputs);
        expect(parseInputs(text)).toEqual(inputs);
        expect(parseInputs(new TextEncoder().encode(text))).toEqual(inputs);
      }),
    );
  });

  it("are refused, or have another root, with any one byte changed", () => {
    const usage = [1, 2, 3]
      .map((at) => ({ modelId: hash(at), splitId: hash(`s${at}`), tokens: 7n }))
      .sort(byModel);
    const bytes = new TextEncoder().encode(
      serializeInputs({ ...first({ usage, purchases: bought(30n * USDT) }), month: "2026-11" }),
    );
    const { root } = distribute(parseInputs(bytes));
    const accepted = (changed: Uint8Array) => {
      try {
        return distribute(parseInputs(changed)).root === root;
      } catch (error) {
        if (error instanceof InputsError) return false;
        throw error;
      }
    };
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 2, 16, 32, 128]) {
        const changed = bytes.slice();
        changed[at]! ^= flip;
        expect(accepted(changed), `byte ${at} ^ ${flip}`).toBe(false);
      }
      const shorter = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1)]);
      expect(accepted(shorter), `without byte ${at}`).toBe(false);
    }
    expect(accepted(Uint8Array.from([...bytes, 10]))).toBe(false);
    expect(accepted(bytes)).toBe(true);
  }, 60_000);

  const usage = [{ modelId: hash(1), splitId: hash(2), tokens: 10n }];
  const good = serializeInputs(first({ usage, purchases: bought(10n * USDT) }));
  it.each([
    ["a space", good.replace(",", ", ")],
    ["a byte order mark", `\uFEFF${good}`],
    ["another version", good.replace('"version":1', '"version":2')],
    ["a float", good.replace('"months":1', '"months":1.0')],
    ["an exponent", good.replace('"months":1', '"months":1e0')],
    ["an amount that is a number", good.replace('"tokens":"10"', '"tokens":10')],
    ["an amount below zero", good.replace('"tokens":"10"', '"tokens":"-10"')],
    ["an amount with a zero before", good.replace('"tokens":"10"', '"tokens":"010"')],
    ["tokens beyond any use", good.replace('"tokens":"10"', `"tokens":"${2n ** 96n}"`)],
    ["no tokens", good.replace('"tokens":"10"', '"tokens":"0"')],
    ["an unknown field", good.replace('"usage":', '"more":1,"usage":')],
    ["a field twice", good.replace('"month":"2026-11"', '"month":"2026-10","month":"2026-11"')],
    ["a field missing", good.replace('"month":"2026-11",', "")],
    [
      "fields in another order",
      good.replace('"version":1,"chain":"eip155:31337"', '"chain":"eip155:31337","version":1'),
    ],
    ["a prototype", good.replace('"usage":', '"__proto__":{},"usage":')],
    ["an escape", good.replace("eip155", "\\u0065ip155")],
    ["half a character", good.replace("eip155", "\\ud800")],
    ["a row twice", good.replace(/"usage":\[(.*)\]/, '"usage":[$1,$1]')],
    ["capitals in a hash", good.replace(hash(2), hash(2).toUpperCase().replace("0X", "0x"))],
    ["a month that is none", good.replace("2026-11", "2026-13")],
    ["a fee of another rate", good.replace('"fee":"3000000"', '"fee":"3000001"')],
    ["a period before the month", good.replace(/"start":\d+/, `"start":${Number(monthStart(MONTH)) - 1}`)],
    ["a purchase without a period", good.replace(/"periods":\[.*?\]/, '"periods":[]')],
    ["a carry from nowhere", good.replace('"carry":"0"', '"carry":"1"')],
    ["an array", `[${good}]`],
    ["nothing", ""],
    ["null", "null"],
    ["nesting without end", "[".repeat(200_000)],
  ])("are refused with %s", (_, text) => {
    expect(text).not.toBe(good);
    expect(() => parseInputs(text)).toThrow(InputsError);
  });

  it("are refused when they are not UTF-8, or too long to be any month", () => {
    const bytes = new TextEncoder().encode(good);
    bytes[5] = 0xff;
    expect(() => parseInputs(bytes)).toThrow(InputsError);
    expect(() => parseInputs(new Uint8Array(64 * 1024 ** 2 + 1))).toThrow(/More than/);
  });

  it("are refused unsorted, with a period left out, and when they follow another month than the last", () => {
    const rows = [1, 2].map((at) => ({ modelId: hash(at), splitId: hash(9), tokens: 1n })).sort(byModel);
    expect(() => serializeInputs(first({ usage: [...rows].reverse() }))).toThrow(/Out of order/);
    const start = Number(monthStart(MONTH));
    const purchase = { ...bought(10n * USDT)[0]!, months: 3, periods: [{ index: 1, start: start + 60 }] };
    // The month has 30 days: a period that starts in its first minute is followed by one in the next month.
    expect(() => serializeInputs(first({ purchases: [purchase] }))).not.toThrow();
    const earlier = { ...purchase, periods: [{ index: 1, start: start + 2_592_000 - 1 }] };
    expect(() => serializeInputs(first({ purchases: [earlier] }))).not.toThrow();
    const december = first({
      month: "2026-12",
      purchases: [{ ...purchase, periods: [{ index: 1, start: start + 2_592_000 + 60 }] }],
    });
    expect(() => serializeInputs(december)).toThrow(/later period/);
    const previous = { month: "2026-09", root: hash(1), carry: 0n, cumulative: [] };
    expect(() => serializeInputs({ ...first({}), previous })).toThrow(/Not the month before/);
  });
});

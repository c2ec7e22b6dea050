import { showTronAddress } from "@aiforge/contracts";
import { describe, expect, it } from "vitest";
import { isZero, readPrice, sharesOf, showBps, showUsdt } from "./money.ts";
import { checkSplit, evenRows, memberRows, readPercent, rowsOf } from "./splitDraft.ts";

const A = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
const B = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
const C = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc";

describe("amounts", () => {
  it("shows them exactly, grouped", () => {
    expect(showUsdt("10.00")).toBe("10.00");
    expect(showUsdt(1_234_567_890_123n)).toBe("1,234,567.890123");
    expect(showUsdt(999_999_999n)).toBe("999.999999");
    expect(showUsdt(0n)).toBe("0.00");
    expect(isZero("0.00")).toBe(true);
    expect(isZero("0.000001")).toBe(false);
  });

  it("shares as the contract does, rounding down", () => {
    expect(sharesOf(9_000_000n, [5000, 3000, 2000])).toEqual([4_500_000n, 2_700_000n, 1_800_000n]);
    expect(sharesOf(10n, [3333, 3333, 3334])).toEqual([3n, 3n, 3n]);
    expect(showBps(5000)).toBe("50 %");
    expect(showBps(3333)).toBe("33.33 %");
    expect(showBps(10_000)).toBe("100 %");
    expect(showBps(5)).toBe("0.05 %");
  });

  it.each([
    ["10", { micro: 10_000_000n }],
    [" 9.5 ", { micro: 9_500_000n }],
    ["0.000001", { micro: 1n }],
    ["", { problem: "Enter a price in USDT." }],
    ["-1", { problem: "A price cannot be negative." }],
    ["1.0000001", { problem: "USDT has at most 6 decimals." }],
    [String(2n ** 256n), { problem: "That is more than a price can be." }],
    ["NaN", { problem: "Write a number such as 10 or 9.50." }],
    ["1e3", { problem: "Write a number such as 10 or 9.50." }],
    ["1,000", { problem: "Write a number such as 10 or 9.50." }],
  ])("reads the price %j", (text, expected) => {
    expect(readPrice(text)).toEqual(expected);
  });
});

describe("a split as it is typed", () => {
  const rows = (...percents: string[]) =>
    [A, B, C].slice(0, percents.length).map((address, i) => ({ address, percent: percents[i]! }));

  it("takes 50/30/20", () => {
    const check = checkSplit(rows("50", "30", "20"));
    expect(check).toMatchObject({ sum: 10_000, problem: null });
    expect(check.shares).toEqual([
      { address: A, bps: 5000 },
      { address: B, bps: 3000 },
      { address: C, bps: 2000 },
    ]);
  });

  it("says how much is missing or too much", () => {
    expect(checkSplit(rows("50", "30.5")).problem).toBe("19.5 % is still to be given out.");
    expect(checkSplit(rows("60", "50")).problem).toBe("10 % too much is given out.");
    expect(checkSplit([]).problem).toBe("Add at least one wallet.");
  });

  it("points at the row that is wrong", () => {
    const check = checkSplit([
      { address: A, percent: "50" },
      { address: A.toLowerCase(), percent: "0" },
      { address: "0x12", percent: "1.234" },
      { address: `0x${"0".repeat(40)}`, percent: "50" },
    ]);
    expect(check.shares).toBeNull();
    expect(check.rows[0]).toEqual({ address: null, percent: null });
    expect(check.rows[1]).toEqual({
      address: "This wallet is already in row 1.",
      percent: "A share must be more than zero.",
    });
    expect(check.rows[2]?.address).toMatch(/not a wallet address/);
    expect(check.rows[2]?.percent).toMatch(/two decimals/);
    expect(check.rows[3]?.address).toMatch(/zero address/);
  });

  it("takes an address without checksum, but not one with a wrong one", () => {
    const of = (address: string) => checkSplit([{ address, percent: "100" }]).rows[0]?.address ?? null;
    expect(of(A.toLowerCase())).toBeNull();
    expect(of(A.replace("F7", "f7"))).toMatch(/checksum/);
  });

  it("takes an address of Tron in its own form, and knows the wallet in both", () => {
    const tron = showTronAddress(B);
    const check = checkSplit([
      { address: A, percent: "60" },
      { address: ` ${tron} `, percent: "40" },
    ]);
    expect(check.shares?.[1]).toEqual({ address: B.toLowerCase(), bps: 4000 });
    const twice = checkSplit([
      { address: B, percent: "60" },
      { address: tron, percent: "40" },
    ]);
    expect(twice.rows[1]?.address).toBe("This wallet is already in row 1.");
    const slip = `${tron.slice(0, -1)}${tron.endsWith("2") ? "3" : "2"}`;
    expect(checkSplit([{ address: slip, percent: "100" }]).rows[0]?.address).toMatch(/not a wallet address/);
  });

  it("stops at 100 wallets", () => {
    const many = Array.from({ length: 101 }, (_, i) => ({
      address: `0x${(i + 1).toString(16).padStart(40, "0")}`,
      percent: "1",
    }));
    expect(checkSplit(many).problem).toMatch(/at most 100/);
    expect(checkSplit(many.slice(0, 100)).shares).toHaveLength(100);
  });

  it("shares alike without losing a hundredth", () => {
    expect(evenRows([A, B, C]).map((row) => row.percent)).toEqual(["33.34", "33.33", "33.33"]);
    expect(checkSplit(evenRows([A, B, C])).problem).toBeNull();
    expect(
      checkSplit(evenRows([A, B, C].concat(Array.from({ length: 4 }, (_, i) => `0x${"a".repeat(39)}${i}`))))
        .problem,
    ).toBeNull();
  });

  it("begins with each member's wallet of the chain's kind, and never with one of the other", () => {
    const [evm, tron] = ["eip155:1", "tron:0x2b6653dc"];
    const members = [
      { name: "Ada", wallets: [A, B].map((address, i) => ({ address, chain: i === 0 ? evm : tron })) },
      { name: "Bo", wallets: [{ address: C, chain: evm }] },
      { name: "Cy", wallets: [] },
    ] as Parameters<typeof memberRows>[0];
    expect(memberRows(members, tron)).toEqual([
      { address: showTronAddress(B), percent: "50" },
      { address: "", percent: "50", name: "Bo" },
    ]);
    expect(memberRows(members, "eip155:31337").map(({ address }) => address)).toEqual([A, C]);
    expect(memberRows(members.slice(2), tron)).toEqual([{ address: "", percent: "100" }]);
  });

  it("reads back what is stored", () => {
    expect(rowsOf([{ address: A, bps: 3333 }])).toEqual([{ address: A, percent: "33.33" }]);
    expect(readPercent("12,5 %")).toBe(1250);
    expect(readPercent("-1")).toBeNull();
    expect(readPercent("1e2")).toBeNull();
  });
});

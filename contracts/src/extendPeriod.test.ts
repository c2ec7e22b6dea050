import { expect, it } from "vitest";
import { extendPeriod } from "./extendPeriod.ts";

const NOW = 1_800_000_000n;
const MONTH = 30n * 86_400n;

it("starts now where nothing is paid", () => expect(extendPeriod(NOW, null, 1n)).toBe(NOW + MONTH));
it("starts now where the paid time is over", () =>
  expect(extendPeriod(NOW, NOW - 1n, 2n)).toBe(NOW + 2n * MONTH));
it("starts now where it ends now", () => expect(extendPeriod(NOW, NOW, 1n)).toBe(NOW + MONTH));
it("adds to the time that is left", () => expect(extendPeriod(NOW, NOW + 5n, 1n)).toBe(NOW + 5n + MONTH));

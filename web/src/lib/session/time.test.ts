import { expect, it } from "vitest";
import { showTime, withTimes } from "./time.ts";

it("shows a sentence's ISO times as all other times are shown", () => {
  const time = "2026-12-03T00:01:00.000Z";
  expect(withTimes(`Pays from ${time} on, unless an admin vetoes it before.`)).toBe(
    `Pays from ${showTime(time)} on, unless an admin vetoes it before.`,
  );
  expect(withTimes("Vetoed by 0xf39f.")).toBe("Vetoed by 0xf39f.");
});

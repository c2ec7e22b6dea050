import { expect, it } from "vitest";
import { describeForecast } from "./stepText.ts";

const fee = { about: "12.30", atMost: "15.99", symbol: "TRX", later: 0, problem: null } as const;

it("tells the whole fee, or for which step it is and which is told later", () => {
  expect(describeForecast({ ...fee, titles: ["Pay"] })).toBe("Network fee: about 12.30 TRX, at most 15.99.");
  const titles = ["Approve USDT", "Pay"];
  expect(describeForecast({ ...fee, titles })).toBe(
    "Network fee of all steps: about 12.30 TRX, at most 15.99.",
  );
  const later = describeForecast({ ...fee, later: 1, titles });
  expect(later).toContain("at most 15.99, for “Approve USDT”.");
  expect(later).toContain(
    "That of “Pay” comes on top: it can be estimated only once “Approve USDT” is on the chain",
  );
});

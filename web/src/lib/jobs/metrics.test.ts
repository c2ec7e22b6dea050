import { describe, expect, it } from "vitest";
import { readBatchSummary, readTuneMetrics } from "./metrics.ts";

const whole = {
  model: { name: "Tiny", parameters: 4_295_424 },
  before: {
    train: { loss: 8, answers: 94, answersRight: 6 },
    heldOut: { loss: 7, answers: 11, answersRight: 0 },
  },
  after: { train: { loss: 0.1, answers: 94, answersRight: 94 }, heldOut: {} },
  samples: [{ prompt: "p", before: "b", after: "a" }, { prompt: 1 }],
  steps: [
    { step: 1, loss: 7.4 },
    { step: 2, loss: 6 },
    { step: "3", loss: null },
  ],
  heldOut: [{ step: 0, loss: 6.5 }],
  tokensPerSecond: 850,
};

describe("what a fine-tune measured", () => {
  it("is read", () => {
    expect(readTuneMetrics(JSON.stringify(whole))).toEqual({
      parameters: 4_295_424,
      tokensPerSecond: 850,
      learned: [
        { step: 1, loss: 7.4 },
        { step: 2, loss: 6 },
      ],
      heldOut: [{ step: 0, loss: 6.5 }],
      before: { loss: 7, answers: 11, answersRight: 0 },
      after: { loss: 0.1, answers: 94, answersRight: 94 },
      samples: [{ prompt: "p", before: "b", after: "a" }],
    });
  });

  it.each(["", "[]", "null", "{}", '{"steps":1}', '{"steps":[{"step":1,"loss":1}]}', "<html>"])(
    "is no picture when the program wrote %j",
    (text) => {
      expect(readTuneMetrics(text)).toBeNull();
      expect(readBatchSummary(text)).toEqual([]);
    },
  );

  it("has no more points than a picture, the last one among them", () => {
    const steps = Array.from({ length: 5_001 }, (_, step) => ({ step, loss: step }));
    const { learned } = readTuneMetrics(JSON.stringify({ steps }))!;
    expect(learned.length).toBeLessThanOrEqual(401);
    expect(learned.at(-1)?.step).toBe(5_000);
  });
});

describe("what a batch came to", () => {
  it("is read", () => {
    const text = JSON.stringify({
      prompts: 12,
      answered: 11,
      seconds: 0.964,
      answerSeconds: { median: 0.1 },
      failed: "x",
    });
    expect(readBatchSummary(text)).toEqual([
      { label: "Prompts", value: "12" },
      { label: "Answered", value: "11" },
      { label: "Median answer", value: "0.1 s" },
      { label: "In all", value: "0.96 s" },
    ]);
  });
});

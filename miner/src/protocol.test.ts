import type { ApiFrame } from "@aiforge/api/client";
import { describe, expect, expectTypeOf, it } from "vitest";
import { workOf } from "./jobs/testing/work.ts";
import { type InboundJson, inferenceIdOf, parseInbound } from "./protocol.ts";
import { MODEL_ID, wantedTiny } from "./testing/api.ts";

const request = {
  messages: [{ role: "user" as const, content: "ping" }],
  maxTokens: null,
  temperature: 0,
  topP: 1,
  stop: [],
  seed: null,
};
const frames: ApiFrame[] = [
  { type: "welcome", nodeId: MODEL_ID, heartbeatSeconds: 30, wanted: [] },
  { type: "wanted", wanted: [{ ...wantedTiny(), contextLength: null }] },
  { type: "inference", id: "a", modelId: MODEL_ID, request },
  { type: "cancel", id: "a" },
  { type: "work", work: workOf(`sha256:${"0".repeat(64)}`) },
  { type: "job_cancel", attemptId: MODEL_ID, reason: "cancelled" },
  { type: "job_probe", id: MODEL_ID, image: "localhost/node", nonce: "1" },
  { type: "ping" },
];

describe("parseInbound", () => {
  it("takes every frame that the API can send", () => {
    expectTypeOf<ApiFrame>().toExtend<InboundJson>();
    for (const frame of frames) expect(parseInbound(JSON.stringify(frame))).toEqual(frame);
  });

  it("takes frames with fields of a later version, and skips frames it does not know", () => {
    expect(parseInbound('{"type":"ping","urgency":9}')).toEqual({ type: "ping" });
    for (const text of ['{"type":"reboot"}', "null", "[]", "{", ""]) expect(parseInbound(text)).toBeNull();
  });
});

describe("inferenceIdOf", () => {
  it("finds whom to answer when an inference cannot be read", () => {
    expect(inferenceIdOf('{"type":"inference","id":"a","request":7}')).toBe("a");
    for (const text of ['{"type":"cancel","id":"a"}', '{"type":"inference"}', "{"])
      expect(inferenceIdOf(text)).toBeNull();
  });
});

import { describe, expect, it } from "vitest";
import { nextPath } from "./nextPath.ts";

describe("where to go after signing in", () => {
  it.each([
    ["/models/1?x=2", "/models/1?x=2"],
    [null, "/marketplace"],
    ["https://evil.example", "/marketplace"],
    ["//evil.example/a", "/marketplace"],
    ["/\\evil.example", "/marketplace"],
    ["javascript:alert(1)", "/marketplace"],
  ])("%s leads to %s", (next, path) => expect(nextPath(next)).toBe(path));
});

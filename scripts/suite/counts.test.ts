import { describe, expect, it } from "vitest";
import { add, countVitest, NOTHING, withExitCode } from "./counts.ts";

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});

describe("counting", () => {
  it("adds up what passed, failed and was skipped", () => {
    const report = {
      success: false,
      testResults: [file("passed", "passed", "passed", "pending"), file("failed", "failed", "passed")],
    };
    expect(countVitest(report)).toEqual({ passed: 3, failed: 1, skipped: 1 });
  });

  it("counts a file that could not be loaded as a failure", () => {
    expect(countVitest({ success: false, testResults: [file("failed")] })).toEqual({ ...NOTHING, failed: 1 });
  });

  it("counts an error outside of any test as a failure", () => {
    const report = { success: false, testResults: [file("passed", "passed")] };
    expect(countVitest(report)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it("does not believe a report over an exit code", () => {
    expect(withExitCode({ passed: 5, failed: 0, skipped: 0 }, 139)).toEqual({
      passed: 5,
      failed: 1,
      skipped: 0,
    });
    expect(withExitCode({ passed: 5, failed: 2, skipped: 0 }, 1)).toEqual({
      passed: 5,
      failed: 2,
      skipped: 0,
    });
    expect(add({ passed: 1, failed: 2, skipped: 3 }, { passed: 1, failed: 1, skipped: 1 })).toEqual({
      passed: 2,
      failed: 3,
      skipped: 4,
    });
  });
});

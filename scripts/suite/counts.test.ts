import { describe, expect, it } from "vitest";
import { add, countVitest, failuresOf, NOTHING, withExitCode } from "./counts.ts";

const file = (status: string, ...tests: string[]) => ({
  name: "/clone/api/src/a.test.ts",
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

  it("tells what failed, and the first line of why", () => {
    const failed = {
      name: "/clone/api/src/b.test.ts",
      status: "failed",
      assertionResults: [
        { status: "passed", fullName: "b works" },
        { status: "failed", fullName: "b fails", failureMessages: ["Error: it is 2\n    at b.test.ts:7"] },
      ],
    };
    const unloaded = { ...file("failed"), message: "Cannot find module 'c'\nmore" };
    const report = { success: false, testResults: [file("passed", "passed"), failed, unloaded] };
    expect(failuresOf(report, "/clone")).toEqual([
      "api/src/b.test.ts > b fails: Error: it is 2",
      "api/src/a.test.ts: Cannot find module 'c'",
    ]);
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

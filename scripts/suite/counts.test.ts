import { describe, expect, it } from "vitest";
import { add, countVitest, failuresOf, NOTHING, secondTries, withExitCode, withSecondTry } from "./counts.ts";

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
      { test: "api/src/b.test.ts > b fails", why: "Error: it is 2" },
      { test: "api/src/a.test.ts", why: "Cannot find module 'c'" },
    ]);
  });

  it("tries a few failed files again, and counts what they do then", () => {
    const named = (name: string, ...of: Parameters<typeof file>) => ({ ...file(...of), name });
    const first = {
      success: false,
      testResults: [named("a", "passed", "passed"), named("b", "failed", "failed"), named("c", "failed")],
    };
    expect(secondTries(first)).toEqual(["b", "c"]);
    const second = (b: string) => ({
      success: b === "passed",
      testResults: [named("b", b, b), named("c", "passed", "passed", "passed")],
    });
    expect(countVitest(withSecondTry(first, second("passed")))).toEqual({ passed: 4, failed: 0, skipped: 0 });
    expect(countVitest(withSecondTry(first, second("failed")))).toEqual({ passed: 3, failed: 1, skipped: 0 });
    // One that is missing from the second report has failed still; an error outside of any test too.
    expect(countVitest(withSecondTry(first, { success: true, testResults: [] })).failed).toBe(2);
    expect(secondTries({ success: false, testResults: [named("a", "passed", "passed")] })).toEqual([]);
    const many = Array.from({ length: 6 }, (_, at) => named(`${at}`, "failed", "failed"));
    expect(secondTries({ success: false, testResults: many })).toEqual([]);
  });

  it("counts what failed outside of any test, and tries nothing again then", () => {
    const report = {
      success: false,
      testResults: [file("failed", "failed")],
      unhandled: ["it broke\nat a.ts:1"],
    };
    expect(countVitest(report)).toEqual({ passed: 0, failed: 2, skipped: 0 });
    expect(secondTries(report)).toEqual([]);
    expect(failuresOf(report, "/clone").at(-1)).toEqual({ test: "outside of any test", why: "it broke" });
    const again = { success: true, testResults: [file("passed", "passed")], unhandled: ["it broke again"] };
    const first = { success: false, testResults: [file("failed", "failed")], unhandled: [] };
    expect(countVitest(withSecondTry(first, again))).toEqual({ passed: 1, failed: 1, skipped: 0 });
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

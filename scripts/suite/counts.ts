/** What a runner reports. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

export function add(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** The part of vitest's JSON report (which is Jest's) that is counted. */
interface VitestReport {
  success: boolean;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

/**
 * Counts a vitest report. A file that could not be loaded, and a run that failed outside of any test, count as one
 * failure each.
 */
export function countVitest(report: VitestReport): Counts {
  const counts = { ...NOTHING };
  for (const file of report.testResults) {
    let failedTests = 0;
    for (const { status } of file.assertionResults) {
      if (status === "passed") counts.passed++;
      else if (status === "failed") failedTests++;
      else counts.skipped++;
    }
    counts.failed += failedTests;
    if (file.status === "failed" && failedTests === 0) counts.failed++;
  }
  if (!report.success && counts.failed === 0) counts.failed++;
  return counts;
}

/** A runner that says it failed must not add up to a success. */
export function withExitCode(counts: Counts, exitCode: number): Counts {
  return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

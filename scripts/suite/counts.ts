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
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: { status: string; fullName?: string; failureMessages?: string[] | null }[];
  }[];
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

const firstLine = (text: string | undefined): string => text?.split("\n", 1)[0]?.slice(0, 300) ?? "";

/**
 * What failed, a line each: the file, the test, and the first line of why. Whoever sees only the end of the output has
 * the reason in it.
 * @param root folder that the files' names are told from
 */
export function failuresOf(report: VitestReport, root: string): string[] {
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = name.startsWith(root) ? name.slice(root.length).replace(/^\/+/, "") : name;
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (failed.length === 0) return status === "failed" ? [`${file}: ${firstLine(message)}`] : [];
    return failed.map(
      ({ fullName, failureMessages }) => `${file} > ${fullName}: ${firstLine(failureMessages?.[0])}`,
    );
  });
}

/** A runner that says it failed must not add up to a success. */
export function withExitCode(counts: Counts, exitCode: number): Counts {
  return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

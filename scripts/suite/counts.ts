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
export interface VitestReport {
  success: boolean;
  /** Errors outside of any test, which Jest's report has no place for; none if not told. */
  unhandled?: string[];
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
  counts.failed += report.unhandled?.length ?? 0;
  if (!report.success && counts.failed === 0) counts.failed++;
  return counts;
}

const firstLine = (text: string | undefined): string => text?.split("\n", 1)[0]?.slice(0, 300) ?? "";

export interface Failure {
  /** File and name. */
  test: string;
  /** The first line of the reason. */
  why: string;
}

/**
 * What failed and why, so that whoever sees only the end of the output has it too.
 * @param root folder that the files' names are told from
 */
export function failuresOf(report: VitestReport, root: string): Failure[] {
  const outside = (report.unhandled ?? []).map((why) => ({
    test: "outside of any test",
    why: firstLine(why),
  }));
  const inside = report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = name.startsWith(root) ? name.slice(root.length).replace(/^\/+/, "") : name;
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (failed.length === 0) return status === "failed" ? [{ test: file, why: firstLine(message) }] : [];
    return failed.map(({ fullName, failureMessages }) => ({
      test: `${file} > ${fullName}`,
      why: firstLine(failureMessages?.[0]),
    }));
  });
  return [...inside, ...outside];
}

/** More files than this are no coincidence. */
const MOST_SECOND_TRIES = 5;

/** The files of a report that are worth a second try: those that failed, if they are few and nothing else failed. */
export function secondTries({ testResults, success, unhandled = [] }: VitestReport): string[] {
  if (unhandled.length > 0) return [];
  const failed = testResults.filter(({ status }) => status === "failed").map(({ name }) => name);
  return !success && failed.length <= MOST_SECOND_TRIES ? failed : [];
}

/** A report in which files have the results of their second try. */
export function withSecondTry(first: VitestReport, second: VitestReport): VitestReport {
  const again = new Map(second.testResults.map((file) => [file.name, file]));
  const testResults = first.testResults.map((file) => again.get(file.name) ?? file);
  const success = second.success && testResults.every(({ status }) => status === "passed");
  return { success, testResults, ...(second.unhandled && { unhandled: second.unhandled }) };
}

/** A runner that says it failed must not add up to a success. */
export function withExitCode(counts: Counts, exitCode: number): Counts {
  return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

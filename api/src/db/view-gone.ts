/**
 * What Postgres says, by code, when the mirror's views are not there yet (42P01), or when they were exchanged for others
 * while a statement was being planned or had been (the rest). XX000 and 0A000 are said of other things too.
 */
const SAID: Readonly<Record<string, RegExp>> = {
  "42P01": /./,
  XX000: /could not open relation|cache lookup failed/,
  "0A000": /cached plan must not change result type/,
};

/** Whether Postgres did not find what a statement reads, as it happens while the mirror exchanges its views. */
export function isViewGone(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  const said = SAID[String(error.code)];
  return said?.test(error.message) ?? false;
}

/** A reason to stop that a person can act on; the message is the one line they see. */
export class MirrorFailure extends Error {
  override name = "MirrorFailure";
}

/** The message of anything thrown, on one line. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replace(/\s+/g, " ").trim();
}

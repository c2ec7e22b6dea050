/** A reason to stop that a person can act on; the message is the one sentence they see. */
export class Failure extends Error {
  override name = "Failure";
}

const SENTENCES: Record<string, (what: string) => string> = {
  ENOSPC: (what) => `The disk with ${what} is full; make room and start again.`,
  EDQUOT: (what) => `The disk quota for ${what} is used up; make room and start again.`,
  EACCES: (what) =>
    `No permission for ${what}; give this user write access or set AIFORGE_DATA to another folder.`,
  EPERM: (what) =>
    `No permission for ${what}; give this user write access or set AIFORGE_DATA to another folder.`,
  EROFS: (what) => `${what} is on a read-only disk; set AIFORGE_DATA to a folder that can be written.`,
  ENOTDIR: (what) => `${what} is not a folder; set AIFORGE_DATA to another one.`,
  EEXIST: (what) => `${what} is not a folder; set AIFORGE_DATA to another one.`,
};

/** Turns anything thrown into a failure of one sentence. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { code, path, message } = error as NodeJS.ErrnoException;
  const sentence = code ? SENTENCES[code] : undefined;
  if (sentence) return new Failure(sentence(path ?? "the data folder"), { cause: error });
  const text = String(message ?? error)
    .replace(/\s+/g, " ")
    .trim();
  return new Failure(`Starting failed: ${text}`, { cause: error });
}

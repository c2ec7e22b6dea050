/** What a node does instead of answering: an HTTP status, an answer without content, or nothing for as long as one waits. */
export const FAULT_KINDS = [429, 403, 503, "empty", "timeout"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  kind: FaultKind;
  /** The beginning of the paths that it befalls, such as `walletsolidity/` or `v1/`; all if not told. */
  path?: string;
  /** After how many it is over; never if not told. */
  times?: number;
  /** The part of the requests that it befalls, 0 to 1. All if not told. Drawn the same way in every run. */
  rate?: number;
}

/** The faults of one backend. */
export class Faults {
  #faults: Fault[] = [];
  #seed = 1;

  add(fault: Fault) {
    this.#faults.push({ ...fault });
  }

  clear() {
    this.#faults = [];
  }

  /** What befalls a request to `path`; null: nothing. */
  next(path: string): FaultKind | null {
    for (const fault of this.#faults) {
      if (!path.startsWith(fault.path ?? "") || fault.times === 0) continue;
      if (fault.rate !== undefined && this.#draw() >= fault.rate) continue;
      if (fault.times !== undefined) fault.times--;
      return fault.kind;
    }
    return null;
  }

  /** A number from 0 to 1. Source: mulberry32. */
  #draw(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }
}

const LISTS = new Set(["gettransactioninfobyblocknum"]);

/** What a node that knows nothing answers. */
export function emptyAnswer(path: string) {
  if (path.startsWith("v1/")) return { success: true, data: [], meta: { at: Date.now(), page_size: 0 } };
  const name = path.split("/")[1] ?? "";
  if (LISTS.has(name)) return [];
  return name.startsWith("getblockby") && name !== "getblockbynum" && name !== "getblockbyid"
    ? { block: [] }
    : {};
}

import { ControlError, requireWhole } from "../chain/errors.ts";

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
  #faults: (Required<Omit<Fault, "times">> & Pick<Fault, "times">)[] = [];
  #seed = 1;

  /** @throws {ControlError} */
  add({ kind, path = "", times, rate = 1 }: Fault) {
    if (!FAULT_KINDS.includes(kind)) throw new ControlError(`kind is one of ${FAULT_KINDS.join(", ")}`);
    if (typeof path !== "string") throw new ControlError("path is the beginning of a path");
    if (times !== undefined) requireWhole("times", times, 0);
    if (typeof rate !== "number" || !(rate >= 0 && rate <= 1)) {
      throw new ControlError("rate is a number from 0 to 1");
    }
    this.#faults.push({ kind, path, times, rate });
  }

  clear() {
    this.#faults = [];
  }

  /** What befalls a request to `path`; null: nothing. */
  next(path: string): FaultKind | null {
    for (const fault of this.#faults) {
      if (!path.startsWith(fault.path) || fault.times === 0) continue;
      if (fault.rate < 1 && this.#draw() >= fault.rate) continue;
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

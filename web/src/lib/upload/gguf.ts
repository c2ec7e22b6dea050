import type { GgufHeader } from "../api/types.ts";

/** The number of parameters, when the header says it and it is one. */
export function parameterCount(gguf: GgufHeader | null): number | null {
  const count = Number(gguf?.parameters ?? Number.NaN);
  return Number.isFinite(count) && count > 0 ? count : null;
}

import type { Hex } from "viem";
import { aiforgeBytecode } from "./compiled/aiforgeBytecode.ts";

/** Hexadecimal digits of the code by which its place in the creation code is found. */
const BEGINNING = 128;
/** A number of 32 bytes that creating the contract fills in: its token and Permit2. */
const BLANK = `7f${"0".repeat(64)}`;
/** Such a number that is an address. */
const FILLED = /^7f0{24}[0-9a-f]{40}$/;
/** Digits that follow the code: three numbers that only creating it reads. */
const AFTER = 3 * 64;

/**
 * Whether what runs at an address is AIForge as it was compiled here, whatever its token is. Who has which role there
 * is not looked at.
 * @param code as a node gives it (`eth_getCode`)
 */
export function isAiforgeCode(code: Hex | undefined): boolean {
  const found = (code ?? "0x").slice(2).toLowerCase();
  const created = aiforgeBytecode.slice(2);
  const from = found.length > BEGINNING ? created.indexOf(found.slice(0, BEGINNING)) : -1;
  if (from < 0) return false;
  const compiled = created.slice(from, from + found.length);
  if (created.length - from - found.length !== AFTER) return false;
  let at = 0;
  for (;;) {
    const blank = nextBlank(compiled, at);
    if (compiled.slice(at, blank ?? undefined) !== found.slice(at, blank ?? undefined)) return false;
    if (blank === null) return true;
    at = blank + BLANK.length;
    if (!FILLED.test(found.slice(blank, at))) return false;
  }
}

function nextBlank(compiled: string, from: number): number | null {
  for (let at = compiled.indexOf(BLANK, from); at >= 0; at = compiled.indexOf(BLANK, at + 1))
    if (at % 2 === 0) return at;
  return null;
}

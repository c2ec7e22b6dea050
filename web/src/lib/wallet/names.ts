import { showTronAddress, TronAddressError, tronAddress } from "@aiforge/contracts";

/** A hash or address for people: "0x90F7…b906". The whole of it belongs in a title or behind a copy button. */
export function shorten(value: string): string {
  return value.length <= 14 ? value : `${value.slice(0, 6)}…${value.slice(-4)}`;
}

/** The part of a CAIP-2 chain id that says which kind of chain it is. */
export type Namespace = "eip155" | "tron";

export const isTron = (chain: string | null | undefined): boolean => chain?.startsWith("tron:") === true;

/** Whether a text is an address as wallets on Tron show it, its checksum included. */
export function isTronAddress(text: string): boolean {
  try {
    return text.startsWith("T") && tronAddress(text) !== null;
  } catch (error) {
    if (error instanceof TronAddressError) return false;
    throw error;
  }
}

/**
 * An address or a transaction's hash as people of that chain write it: on Tron an address begins with a T, and a
 * transaction has no 0x.
 * @param chain CAIP-2 id; left out: as it is
 */
export function localForm(value: string, chain: string | null | undefined): string {
  if (!isTron(chain)) return value;
  if (/^0x[0-9a-f]{40}$/i.test(value)) return showTronAddress(value.toLowerCase() as `0x${string}`);
  return /^0x[0-9a-f]{64}$/i.test(value) ? value.slice(2) : value;
}

/** Where a chain's explorer shows a transaction; null without an explorer. */
export function explorerUrl(chain: { chain: string; explorer: string | null }, hash: string): string | null {
  if (!chain.explorer) return null;
  const path = isTron(chain.chain) ? "#/transaction" : "tx";
  return `${chain.explorer}/${path}/${localForm(hash, chain.chain)}`;
}

/** Which of the six temper colours a recipient has, by their position in the split. */
export function temper(position: number): string {
  return `var(--temper-${(position % 6) + 1})`;
}

export const PLATFORM_COLOUR = "var(--platform)";

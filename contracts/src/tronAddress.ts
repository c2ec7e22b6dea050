import { type Address, type Hex, isAddress, sha256 } from "viem";

/** The text is not a Tron address in any of its forms. */
export class TronAddressError extends Error {
  override name = "TronAddressError";
  constructor(text: unknown) {
    super(`Not a Tron address: ${JSON.stringify(text)}`);
  }
}

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** The byte before the 20 of every Tron address: it makes the base58 form begin with a T. */
const PREFIX = "41";

/** First 4 bytes of the double SHA-256 of the 21, as hex. */
const checksum = (payload: string): string => sha256(sha256(`0x${payload}`)).slice(2, 10);

function fromBase58(text: string): string | null {
  let value = 0n;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) return null;
    value = value * 58n + BigInt(digit);
  }
  return value.toString(16).padStart(50, "0");
}

/**
 * A Tron address in the one form that tables and calls use: 20 bytes, `0x` and lower case, as inside the VM.
 * @param text base58 (`T…`), 21 bytes of hex (`41…`, as in a node's JSON) or 20 bytes of hex (`0x…`, or bare as in logs)
 * @throws {TronAddressError} also when a checksum is wrong, be it base58's or that of mixed-case hex (EIP-55)
 */
export function tronAddress(text: string): Address {
  if (text.startsWith("T") && text.length === 34) {
    const bytes = fromBase58(text);
    if (bytes?.length === 50 && bytes.startsWith(PREFIX) && checksum(bytes.slice(0, 42)) === bytes.slice(42))
      return `0x${bytes.slice(2, 42)}`;
    throw new TronAddressError(text);
  }
  const hex = /^(?:0x)?(?:41)?([0-9a-f]{40})$/i.exec(text)?.[1];
  if (hex === undefined) throw new TronAddressError(text);
  if (text === `0x${hex}` && !isAddress(text)) throw new TronAddressError(text);
  return `0x${hex.toLowerCase()}`;
}

/** A Tron address as people know it: base58 with a checksum (`T…`). */
export function showTronAddress(address: Hex): string {
  const payload = `${PREFIX}${tronAddress(address).slice(2)}`;
  let value = BigInt(`0x${payload}${checksum(payload)}`);
  let text = "";
  for (; value > 0n; value /= 58n) text = ALPHABET.charAt(Number(value % 58n)) + text;
  return text;
}

import { sha256 } from "./crypto.ts";
import { fromHex, toHex } from "./hex.ts";

/** 20 bytes as 40 lower-case hexadecimal digits: the one form in which this devnet keeps an address. */
export type Address = string;

const PREFIX = 0x41;
const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** Reads any of the forms in use: base58check, `41…`, `0x41…`, `0x…` of 20 bytes. Null if it is none of them. */
export function parseAddress(text: unknown): Address | null {
  if (typeof text !== "string") return null;
  if (text.startsWith("T")) return fromBase58(text);
  const bytes = fromHex(text);
  return bytes && addressFromBytes(bytes);
}

/** An address in a message: 21 bytes that begin with 0x41, or the 20 bytes after it. */
export function addressFromBytes(bytes: Uint8Array): Address | null {
  if (bytes.length === 20) return toHex(bytes);
  return bytes.length === 21 && bytes[0] === PREFIX ? toHex(bytes.subarray(1)) : null;
}

/** As a node's JSON has it: 41 and 20 bytes. */
export const nodeAddress = (address: Address) => `41${address}`;

/** As a message has it: 21 bytes. */
export const addressBytes = (address: Address) => fromHex(`41${address}`) as Uint8Array;

/** As people have it. */
export function toBase58(address: Address): string {
  const payload = addressBytes(address);
  const bytes = Buffer.concat([payload, sha256(sha256(payload)).subarray(0, 4)]);
  let number = BigInt(`0x${toHex(bytes)}`);
  let text = "";
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text;
  return text;
}

function fromBase58(text: string): Address | null {
  if (text.length !== 34) return null;
  let number = 0n;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) return null;
    number = number * 58n + BigInt(digit);
  }
  const bytes = fromHex(number.toString(16).padStart(50, "0"));
  if (bytes?.length !== 25) return null;
  const payload = bytes.subarray(0, 21);
  if (toHex(sha256(sha256(payload)).subarray(0, 4)) !== toHex(bytes.subarray(21))) return null;
  return addressFromBytes(payload);
}

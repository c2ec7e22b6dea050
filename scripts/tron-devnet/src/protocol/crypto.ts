import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 as sha256Of } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { toHex } from "./hex.ts";

export const sha256 = (...parts: Uint8Array[]): Uint8Array => sha256Of(Buffer.concat(parts));
export const keccak256 = (...parts: Uint8Array[]): Uint8Array => keccak_256(Buffer.concat(parts));

/** The last 20 bytes of a hash, as 40 hexadecimal digits: how every address is derived. */
export const addressOfHash = (hash: Uint8Array): string => toHex(hash.subarray(12));

/** The address (40 hexadecimal digits) of a private key of 32 bytes. */
export function addressOfKey(privateKey: Uint8Array): string {
  return addressOfHash(keccak256(secp256k1.getPublicKey(privateKey, false).subarray(1)));
}

/** Signs a hash of 32 bytes. Returns r, s and v (27 or 28), 65 bytes. */
export function sign(hash: Uint8Array, privateKey: Uint8Array): Uint8Array {
  const signature = secp256k1.sign(hash, privateKey, { prehash: false, format: "recovered" });
  return Uint8Array.from([...signature.subarray(1), 27 + (signature[0] as number)]);
}

/** Who signed a hash: an address of 40 hexadecimal digits, or null if the signature is none. `v` may be 0, 1, 27 or 28. */
export function recoverSigner(hash: Uint8Array, signature: Uint8Array): string | null {
  if (signature.length !== 65) return null;
  const v = signature[64] as number;
  const recovery = v >= 27 ? v - 27 : v;
  if (recovery > 1) return null;
  try {
    const key = secp256k1.recoverPublicKey(Uint8Array.from([recovery, ...signature.subarray(0, 64)]), hash, {
      prehash: false,
    });
    return addressOfHash(keccak256(secp256k1.Point.fromBytes(key).toBytes(false).subarray(1)));
  } catch {
    return null;
  }
}

import { Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { type Seal, seal, unseal } from "../../core/seal.ts";

/** What protected weights are stored as, so that any tool that speaks it can read them with their key. */
export const ENCRYPTION_FORMAT = "age-encryption.org/v1";

/**
 * A key for one file, `AGE-SECRET-KEY-1…`. X25519 because every version of the age tools reads it; its public half is
 * never shown, so that a quantum computer would have nothing to begin with.
 */
export function newFileKey(): Promise<string> {
  return generateX25519Identity();
}

/** The bytes as an age v1 file for `key`, in constant memory. */
export async function* encrypted(bytes: AsyncIterable<Uint8Array>, key: string): AsyncGenerator<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(key));
  yield* await encrypter.encrypt(ReadableStream.from(bytes) as ReadableStream<Uint8Array>);
}

const byUpload = (owner: string, secret: string): Seal => ({
  secret,
  purpose: "aiforge keys of weights v1",
  owner,
});

/**
 * Encrypts a file's key for the database, bound to its upload.
 * @param secret `WEIGHTS_SECRET`
 */
export function sealKey(key: string, uploadId: string, secret: string): string {
  return seal(key, byUpload(uploadId, secret));
}

/** @throws Error when it was sealed with another secret or for another upload */
export function openKey(sealed: string, uploadId: string, secret: string): string {
  try {
    return unseal(sealed, byUpload(uploadId, secret));
  } catch (cause) {
    throw new Error(
      "WEIGHTS_SECRET is not the one that the keys of protected weights were encrypted with. Set the old one again.",
      { cause },
    );
  }
}

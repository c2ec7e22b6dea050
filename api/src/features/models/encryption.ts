import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";

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

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The key that the keys of files are kept under. */
function sealingKey(secret: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", "aiforge keys of weights v1", 32));
}

/**
 * Encrypts a file's key for the database: AES-256-GCM, bound to its upload.
 * @param secret `WEIGHTS_SECRET`
 */
export function sealKey(key: string, uploadId: string, secret: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", sealingKey(secret), nonce);
  cipher.setAAD(Buffer.from(uploadId));
  const sealed = Buffer.concat([nonce, cipher.update(key, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `v1.${sealed.toString("base64url")}`;
}

/** @throws Error when it was sealed with another secret or for another upload */
export function openKey(sealed: string, uploadId: string, secret: string): string {
  const bytes = Buffer.from(sealed.replace(/^v1\./, ""), "base64url");
  try {
    const decipher = createDecipheriv("aes-256-gcm", sealingKey(secret), bytes.subarray(0, NONCE_BYTES));
    decipher.setAAD(Buffer.from(uploadId));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const key = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, "utf8");
    return key + decipher.final("utf8");
  } catch (cause) {
    throw new Error(
      "WEIGHTS_SECRET is not the one that the keys of protected weights were encrypted with. Set the old one again.",
      { cause },
    );
  }
}

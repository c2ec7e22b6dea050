import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface Seal {
  /** From the configuration. */
  secret: string;
  /** What is kept under it; one secret has a key of its own for each purpose. */
  purpose: string;
  /** What the text belongs to: it cannot be opened as another's. */
  owner: string;
}

/** The key that texts of a purpose are kept under. */
const sealingKey = ({ secret, purpose }: Seal) => Buffer.from(hkdfSync("sha256", secret, "", purpose, 32));

/** Encrypts a short text for the database: AES-256-GCM, bound to its owner. */
export function seal(text: string, by: Seal): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", sealingKey(by), nonce);
  cipher.setAAD(Buffer.from(by.owner));
  const sealed = Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `v1.${sealed.toString("base64url")}`;
}

/** @throws Error when it was sealed with another secret, for another purpose or for another owner */
export function unseal(sealed: string, by: Seal): string {
  const bytes = Buffer.from(sealed.replace(/^v1\./, ""), "base64url");
  const decipher = createDecipheriv("aes-256-gcm", sealingKey(by), bytes.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(by.owner));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, "utf8");
  return text + decipher.final("utf8");
}

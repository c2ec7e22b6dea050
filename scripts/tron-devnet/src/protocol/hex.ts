/** The bytes of an even number of hexadecimal digits, with or without 0x; null if it is anything else. */
export function fromHex(text: unknown): Uint8Array | null {
  if (typeof text !== "string") return null;
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) return null;
  return new Uint8Array(Buffer.from(digits, "hex"));
}

/** Lower-case hexadecimal without 0x. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** A text as a node sends its messages: the hexadecimal of its UTF-8. */
export const hexOfText = (text: string) => Buffer.from(text).toString("hex");

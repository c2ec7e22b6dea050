import { createDecipheriv, hkdfSync } from "node:crypto";
import { Decrypter } from "age-encryption";
import type { ByteRange } from "./storage/weights-store.ts";

/**
 * Reads parts of an age v1 file without reading what is before them. The library decrypts the header; the payload is
 * read by chunk with Node's own ChaCha20-Poly1305, as a stream of the library can only be read from its start.
 * Source of the format: https://c2sp.org/age ("Payload").
 */
const CHUNK_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const STORED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;
const NONCE_BYTES = 16;
/** A header with one key has 168 bytes. */
const MAX_HEADER_BYTES = 4096;

/** Reads a range of the encrypted bytes. */
export type ReadStored = (range: ByteRange) => Promise<ReadableStream<Uint8Array>>;

export interface AgeFile {
  /** Of the decrypted file, bytes. */
  size: number;
  /** Of the encrypted file, bytes. */
  storedSize: number;
  key: string;
}

/**
 * The decrypted bytes of a range, each chunk checked before it is passed on.
 * @param range of the decrypted file
 * @throws Error when the key is another file's, or a chunk is damaged, missing or out of its place
 */
export async function* decryptRange(
  file: AgeFile,
  readStored: ReadStored,
  range: ByteRange,
): AsyncGenerator<Uint8Array> {
  const { payloadKey, payloadStart } = await readHead(file, readStored);
  const lastChunk = Math.max(0, Math.ceil(file.size / CHUNK_BYTES) - 1);
  if (payloadStart + file.size + (lastChunk + 1) * TAG_BYTES !== file.storedSize) {
    throw new Error("The encrypted file has not the size that its content should give");
  }
  const first = Math.floor(range.start / CHUNK_BYTES);
  const last = Math.floor(range.end / CHUNK_BYTES);
  const stored = await readStored({
    start: payloadStart + first * STORED_CHUNK_BYTES,
    end: Math.min(payloadStart + (last + 1) * STORED_CHUNK_BYTES, file.storedSize) - 1,
  });
  let index = first;
  for await (const chunk of inPieces(stored, STORED_CHUNK_BYTES)) {
    const bytes = openChunk(chunk, payloadKey, index, index === lastChunk);
    const at = index * CHUNK_BYTES;
    yield bytes.subarray(Math.max(0, range.start - at), range.end + 1 - at);
    index += 1;
  }
  if (index !== last + 1) throw new Error("The encrypted file ends early");
}

async function readHead({ key, storedSize }: AgeFile, readStored: ReadStored) {
  const pieces: Uint8Array[] = [];
  for await (const piece of await readStored({ start: 0, end: Math.min(MAX_HEADER_BYTES, storedSize) - 1 })) {
    pieces.push(piece);
  }
  const head = Buffer.concat(pieces);
  const mac = head.indexOf("\n--- ");
  const size = mac < 0 ? 0 : head.indexOf("\n", mac + 1) + 1;
  if (size === 0 || head.length < size + NONCE_BYTES) throw new Error("The file has no age header");
  const decrypter = new Decrypter();
  decrypter.addIdentity(key);
  const fileKey = await decrypter.decryptHeader(head.subarray(0, size));
  const nonce = head.subarray(size, size + NONCE_BYTES);
  const payloadKey = Buffer.from(hkdfSync("sha256", fileKey, nonce, "payload", 32));
  return { payloadKey, payloadStart: size + NONCE_BYTES };
}

function openChunk(chunk: Uint8Array, key: Buffer, index: number, isLast: boolean): Uint8Array {
  // The chunk's number in 11 bytes, then whether it is the last.
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  if (chunk.length < TAG_BYTES) throw new Error("The encrypted file ends early");
  const decipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(chunk.subarray(-TAG_BYTES));
  const bytes = decipher.update(chunk.subarray(0, -TAG_BYTES));
  decipher.final();
  return bytes;
}

/** The same bytes in pieces of `size`, the last one shorter. */
async function* inPieces(bytes: ReadableStream<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let held = Buffer.alloc(0);
  for await (const chunk of bytes) {
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    let at = 0;
    for (; held.length - at >= size; at += size) yield held.subarray(at, at + size);
    held = held.subarray(at);
  }
  if (held.length > 0) yield held;
}

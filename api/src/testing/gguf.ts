/** A small file in the GGUF v3 format, valid unless told otherwise. */
export interface GgufParts {
  metadata?: Record<string, string | number>;
  /** What the header claims; the true numbers by default. */
  tensorCount?: bigint;
  metadataCount?: bigint;
  /** Of the one tensor of 32-bit floats. */
  shape?: bigint[];
  /** Bytes of tensor data; by default as many as the shape needs. */
  data?: Uint8Array;
}

/** Builds a GGUF file with one tensor. @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
export function buildGguf({
  metadata = { "general.architecture": "llama", "llama.context_length": 512, "general.file_type": 0 },
  tensorCount = 1n,
  metadataCount = BigInt(Object.keys(metadata).length),
  shape = [8n, 4n],
  data,
}: GgufParts = {}): Uint8Array<ArrayBuffer> {
  const parts: Buffer[] = [Buffer.from("GGUF"), u32(3), u64(tensorCount), u64(metadataCount)];
  for (const [key, value] of Object.entries(metadata)) {
    parts.push(text(key), ...(typeof value === "string" ? [u32(8), text(value)] : [u32(4), u32(value)]));
  }
  parts.push(text("token_embd.weight"), u32(shape.length), ...shape.map(u64), u32(0), u64(0n));
  const header = Buffer.concat(parts);
  const padding = Buffer.alloc((32 - (header.length % 32)) % 32);
  const weights = shape.reduce((product, dimension) => product * dimension, 1n);
  return new Uint8Array(Buffer.concat([header, padding, data ?? Buffer.alloc(Number(weights) * 4)]));
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([u64(BigInt(Buffer.byteLength(value))), Buffer.from(value)]);
}

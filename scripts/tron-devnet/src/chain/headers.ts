/** What is kept of every block, however old: 48 bytes. */
export interface Header {
  /** 32 bytes: the height in 8, then 24 of the hash. */
  id: Uint8Array;
  /** Milliseconds since 1970. */
  time: number;
  slot: number;
  /** The solid height when this was the newest block. */
  solid: number;
}

const SIZE = 48;
const PER_CHUNK = 8192;

/** The headers of a chain by height, packed. */
export class Headers {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  get length() {
    return this.#length;
  }

  push({ id, time, slot, solid }: Header) {
    const offset = (this.#length % PER_CHUNK) * SIZE;
    if (offset === 0) this.#chunks[this.#length / PER_CHUNK] = Buffer.alloc(PER_CHUNK * SIZE);
    const chunk = this.#chunks[Math.floor(this.#length / PER_CHUNK)] as Buffer;
    chunk.set(id, offset);
    chunk.writeDoubleBE(time, offset + 32);
    chunk.writeUInt32BE(slot, offset + 40);
    chunk.writeUInt32BE(solid, offset + 44);
    this.#length++;
  }

  /** @throws {RangeError} when there is no such block */
  at(height: number): Header {
    if (!Number.isInteger(height) || height < 0 || height >= this.#length) {
      throw new RangeError(`There is no block ${height}`);
    }
    const chunk = this.#chunks[Math.floor(height / PER_CHUNK)] as Buffer;
    const offset = (height % PER_CHUNK) * SIZE;
    return {
      id: Uint8Array.from(chunk.subarray(offset, offset + 32)),
      time: chunk.readDoubleBE(offset + 32),
      slot: chunk.readUInt32BE(offset + 40),
      solid: chunk.readUInt32BE(offset + 44),
    };
  }

  /** Forgets the blocks from `length` on. */
  truncate(length: number) {
    this.#length = Math.min(this.#length, length);
    this.#chunks.length = Math.ceil(this.#length / PER_CHUNK);
  }
}

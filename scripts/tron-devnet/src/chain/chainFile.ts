import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fromHex, toHex } from "../protocol/hex.ts";
import type { JsonObject } from "../protocol/json.ts";
import { readTransaction } from "../protocol/transaction.ts";
import type { Change } from "../vm/state.ts";
import type { Included } from "./block.ts";

/** What the first block of a chain is made of. */
export interface Genesis {
  chainId: number;
  /** Milliseconds since 1970. */
  time: number;
  /** Milliseconds between blocks. */
  slotMs: number;
  /** Sun by address, in decimal. */
  accounts: [address: string, sun: string][];
}

/** A block that was made, with the values that it changed, or a return to a height. */
export type ChainRecord =
  | { time: number; slot: number; included: Included[]; changes: Change[] }
  | { rewind: number };

/** The directory does not hold a chain that this version can read, or another process makes blocks in it. */
export class ChainFileError extends Error {
  override name = "ChainFileError";
}

const VERSION = 1;

/** A record as it is written. */
type Row =
  | { rewind: number }
  | {
      t: number;
      s: number;
      x?: { raw: string; sign: string[]; result: string; info: JsonObject }[];
      c?: [string, string | null][];
    };

/**
 * The chain on disk: a line for each block, appended before the block can be seen. A process that is killed leaves at
 * most one line unfinished, which is cut off at the next start.
 */
export class ChainFile {
  /** What was found, to be applied in order. */
  records: Iterable<ChainRecord>;
  readonly genesis: Genesis;
  readonly #file: number;
  /** Bytes that were read and written, all of them whole lines. */
  #size: number;

  /**
   * Opens the chain in `directory`, or begins one with `genesis`.
   * @throws {ChainFileError}
   */
  constructor(directory: string, genesis: Genesis) {
    mkdirSync(directory, { recursive: true });
    const path = join(directory, "chain.jsonl");
    this.#file = openSync(path, "a+");
    const text = readFileSync(path);
    const end = text.lastIndexOf(0x0a) + 1;
    if (end < text.length) truncateSync(path, end);
    this.#size = end;
    const lines = text.subarray(0, end);
    const firstEnd = lines.indexOf(0x0a);
    if (firstEnd < 0) {
      this.genesis = genesis;
      this.records = [];
      this.#append({ version: VERSION, genesis });
      return;
    }
    const first = parse<{ version?: number; genesis: Genesis }>(lines.subarray(0, firstEnd), path);
    if (first.version !== VERSION) throw new ChainFileError(`${path} was written by another version`);
    this.genesis = first.genesis;
    this.records = readRecords(lines.subarray(firstEnd + 1), path);
  }

  /**
   * The record is with the operating system when this returns: it survives the process, not a power failure. After an
   * error, such as a full disk, nothing of it is there.
   * @throws {ChainFileError} when another process has written to the chain
   */
  write(record: ChainRecord) {
    this.#append(
      "rewind" in record
        ? record
        : {
            t: record.time,
            s: record.slot,
            ...(record.included.length > 0 && { x: record.included.map(rowOf) }),
            ...(record.changes.length > 0 && {
              c: record.changes.map(([key, value]) => [key, value ?? null]),
            }),
          },
    );
  }

  close() {
    closeSync(this.#file);
  }

  #append(row: object) {
    if (fstatSync(this.#file).size !== this.#size) {
      throw new ChainFileError("Another process makes blocks in this directory; this one cannot go on");
    }
    const line = Buffer.from(`${JSON.stringify(row)}\n`);
    try {
      for (let done = 0; done < line.length; ) done += writeSync(this.#file, line, done);
    } catch (error) {
      ftruncateSync(this.#file, this.#size);
      throw error;
    }
    this.#size += line.length;
  }
}

const rowOf = ({ transaction, result, info }: Included) => ({
  raw: toHex(transaction.raw),
  sign: transaction.signatures.map(toHex),
  result,
  info,
});

/** One by one, so that a long chain is not in memory twice. */
function* readRecords(lines: Buffer, path: string): Generator<ChainRecord> {
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf(0x0a, start);
    const row = parse<Row>(lines.subarray(start, end), path);
    start = end + 1;
    if ("rewind" in row) yield row;
    else {
      yield {
        time: row.t,
        slot: row.s,
        included: (row.x ?? []).map(({ raw, sign, result, info }) => ({
          transaction: readTransaction(bytes(raw), sign.map(bytes)),
          result,
          info,
        })),
        changes: (row.c ?? []).map(([key, value]) => [key, value ?? undefined]),
      };
    }
  }
}

const bytes = (hex: string) => fromHex(hex) as Uint8Array;

function parse<T>(line: Buffer, path: string): T {
  try {
    return JSON.parse(line.toString()) as T;
  } catch {
    throw new ChainFileError(`${path} is damaged: a line is not JSON`);
  }
}

import { type AbiEvent, type Address, BaseError, HttpRequestError, type PublicClient } from "viem";

/** How far a reading of the chain is. */
export interface ReadProgress {
  /** What is counted. */
  of: "blocks" | "block times" | "transactions";
  done: number;
  all: number;
}

export interface ReadOptions {
  onProgress?: ((progress: ReadProgress) => void) | undefined;
  /** Ends the reading, with its reason thrown. */
  signal?: AbortSignal | undefined;
}

/** The node answers, but not this: an old block, or events of even one block. The message is for people. */
export class ChainRefusedError extends Error {
  override name = "ChainRefusedError";
}

/** Blocks asked for at once at first, and at most; nodes refuse longer ranges at very different lengths. */
const FIRST_RANGE = 10_000n;
const LONGEST_RANGE = 100_000n;

/**
 * Reads a contract's events from a node in ranges of blocks: shorter ones where the node refuses, longer ones where it
 * does not mind.
 * @throws {ChainRefusedError} when it refuses a single block
 * @throws {BaseError} viem's, when the node does not answer at all
 */
export async function readLogs<const events extends readonly AbiEvent[]>(
  client: PublicClient,
  { address, events, from, to }: { address: Address; events: events; from: bigint; to: bigint },
  { onProgress, signal }: ReadOptions,
) {
  const read = (fromBlock: bigint, toBlock: bigint) =>
    client.getLogs({ address, events, fromBlock, toBlock, strict: true });
  const logs: Awaited<ReturnType<typeof read>> = [];
  let range = FIRST_RANGE;
  let refused = LONGEST_RANGE + 1n;
  for (let start = from; start <= to; ) {
    signal?.throwIfAborted();
    const end = start + range - 1n < to ? start + range - 1n : to;
    try {
      for (const log of await read(start, end)) logs.push(log);
    } catch (error) {
      if (isUnreachable(error)) throw error;
      if (end === start) throw new ChainRefusedError(refusal(`events, even of block ${start} alone`, error));
      refused = end - start + 1n;
      range = refused / 2n;
      continue;
    }
    start = end + 1n;
    if (range * 2n < refused) range *= 2n;
    onProgress?.({ of: "blocks", done: Number(start - from), all: Number(to - from + 1n) });
  }
  return logs;
}

/** How many blocks are asked for at the same time. */
const AT_ONCE = 8;

/**
 * The times of blocks, in unix seconds.
 * @throws {ChainRefusedError} when the node does not have one of them
 * @throws {BaseError} viem's, when the node does not answer at all
 */
export async function readTimes(
  client: PublicClient,
  blocks: Iterable<bigint>,
  { onProgress, signal }: ReadOptions,
): Promise<Map<bigint, bigint>> {
  const wanted = [...new Set(blocks)];
  const times = new Map<bigint, bigint>();
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    signal?.throwIfAborted();
    const some = wanted.slice(at, at + AT_ONCE);
    await Promise.all(
      some.map(async (blockNumber) => {
        try {
          times.set(blockNumber, (await client.getBlock({ blockNumber })).timestamp);
        } catch (error) {
          if (isUnreachable(error)) throw error;
          throw new ChainRefusedError(refusal(`the time of block ${blockNumber}`, error));
        }
      }),
    );
    onProgress?.({ of: "block times", done: times.size, all: wanted.length });
  }
  return times;
}

const refusal = (what: string, error: unknown): string =>
  `The node refuses to give ${what}: ${error instanceof BaseError ? error.details || error.shortMessage : error}. Another node may give it.`;

/** Nothing came back, so that asking for less is no use. */
const isUnreachable = (error: unknown): boolean =>
  !(error instanceof BaseError) ||
  error.walk((each) => each instanceof HttpRequestError && each.status === undefined) !== null;

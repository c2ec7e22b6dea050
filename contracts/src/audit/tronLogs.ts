import {
  type AbiEvent,
  type Address,
  isAddressEqual,
  type PublicClient,
  parseEventLogs,
  TransactionReceiptNotFoundError,
} from "viem";
import { askTron, readTronEvents, tronEventsSince } from "../tron/index.ts";
import { ChainRefusedError, type ReadOptions, type readLogs } from "./logs.ts";

/** How many transactions are asked for at the same time. */
const AT_ONCE = 4;

/**
 * Reads a contract's events from a Tron node: its event server names their transactions, and what these did is taken
 * from the node's own receipts. So nothing can be made up; what the event server leaves out is not seen.
 * @param from the first block of interest
 * @throws {ChainRefusedError} when the node does not know one of the transactions
 * @throws {BaseError} viem's, when the node does not answer at all
 */
export async function readTronLogs<const events extends readonly AbiEvent[]>(
  client: PublicClient,
  { address, events, from = 0n }: { address: Address; events: events; from?: bigint | undefined },
  { onProgress, signal }: ReadOptions,
) {
  const ask = askTron(client);
  const places = await tronEventsSince(async (path) => readTronEvents(await ask(path)), address, 0, {
    signal,
  });
  // Where the event server does not say the block, NaN, it is read.
  const wanted = places.filter(({ block }) => !(block < from));
  const logs: Awaited<ReturnType<typeof readLogs<events>>> = [];
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    signal?.throwIfAborted();
    const some = wanted.slice(at, at + AT_ONCE);
    const receipts = await Promise.all(
      some.map(({ txHash: hash }) =>
        client.getTransactionReceipt({ hash }).catch((error: unknown) => {
          if (!(error instanceof TransactionReceiptNotFoundError)) throw error;
          throw new ChainRefusedError(
            `The node does not know transaction ${hash}, of which its event server has events. Another node may.`,
          );
        }),
      ),
    );
    for (const receipt of receipts) {
      const own = receipt.logs.filter((log) => isAddressEqual(log.address, address));
      logs.push(...(parseEventLogs({ abi: events, logs: own, strict: true }) as unknown as typeof logs));
    }
    onProgress?.({ of: "transactions", done: Math.min(at + AT_ONCE, wanted.length), all: wanted.length });
  }
  return logs.sort((a, b) =>
    a.blockNumber === b.blockNumber ? a.logIndex - b.logIndex : a.blockNumber < b.blockNumber ? -1 : 1,
  );
}

import { aiforgeAbi, usdtAbi } from "@aiforge/contracts";
import { decodeEventLog, type Hex, pad, toEventSelector } from "viem";
import { handlers, type Occurrence } from "../evm/src/handlers.ts";
import type { FullBlock } from "./chain.ts";
import type { TronSources } from "./config.ts";
import type { RowChanges } from "./rows.ts";
import type { TronBlock } from "./wire.ts";

const TRANSFER = toEventSelector("Transfer(address,address,uint256)");

/** A log of the contract, or of USDT that came to the cashier, and where it is on its chain. */
export interface ChainLog {
  blockNumber: number;
  blockId: Hex;
  /** Unix seconds. */
  blockTimestamp: number;
  txHash: Hex;
  /** Place among all logs of the block, as on an EVM chain; a node gives none. */
  logIndex: number;
  /** Place among all logs of the transaction, as `event_index` in the events API. */
  txLogIndex: number;
  address: Hex;
  topics: Hex[];
  data: Hex;
}

/**
 * The logs of a block that the mirror is made from: those of the contract, whichever contract called it, and
 * transfers of the one true USDT, known by its address (R1), to the cashier. Transactions that failed have none (R3).
 */
export function logsOf(block: FullBlock, sources: TronSources): ChainLog[] {
  const found: ChainLog[] = [];
  let logIndex = 0;
  for (const { id, logs } of block.infos) {
    for (const [txLogIndex, { address, topics, data }] of logs.entries()) {
      const place = { logIndex: logIndex++, txLogIndex, txHash: id };
      if (!concerns(address, topics, sources)) continue;
      found.push({
        ...place,
        blockNumber: block.number,
        blockId: block.id,
        blockTimestamp: block.timestamp,
        address,
        topics,
        data,
      });
    }
  }
  return found;
}

function concerns(address: Hex, topics: Hex[], { aiforge, usdt, cashier }: TronSources): boolean {
  if (address === aiforge) return true;
  return address === usdt && cashier !== null && topics[0] === TRANSFER && topics[2] === pad(cashier);
}

/** Whether a block calls what is mirrored, by itself and not through another contract. */
export const concernsUs = ({ calls }: TronBlock, { aiforge, usdt, cashier }: TronSources): boolean =>
  calls.some(
    ({ contract, data }) =>
      contract === aiforge || (contract === usdt && cashier !== null && data.includes(cashier.slice(2))),
  );

/** Name and values of the event that a log is, or null when it is none of the ABI's (R19). */
function decode(log: ChainLog, { aiforge }: TronSources): { name: string; args: unknown } | null {
  const [source, abi] = log.address === aiforge ? ["AIForge", aiforgeAbi] : ["Usdt", usdtAbi];
  try {
    const { eventName, args } = decodeEventLog({
      abi,
      data: log.data,
      topics: log.topics as [Hex, ...Hex[]],
      strict: true,
    });
    return { name: `${source}:${eventName}`, args: args ?? {} };
  } catch {
    return null;
  }
}

/**
 * Lets an event change the rows, by the same handlers as on an EVM chain.
 * @returns false for a log that is no event of the ABI's; it changes nothing
 */
export async function applyLog(
  log: ChainLog,
  chainId: string,
  sources: TronSources,
  changes: RowChanges,
): Promise<boolean> {
  const event = decode(log, sources);
  const handler = event && handlers.get(event.name as Parameters<typeof handlers.get>[0]);
  if (!event || !handler) return false;
  // What the handlers use of Ponder's event and context, which have much more.
  await handler({
    event: {
      args: event.args,
      block: { number: BigInt(log.blockNumber), timestamp: BigInt(log.blockTimestamp) },
      transaction: { hash: log.txHash },
      log: { logIndex: log.logIndex },
    },
    context: { chain: { name: chainId }, db: changes.db },
  } as unknown as Occurrence);
  return true;
}

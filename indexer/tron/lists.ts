import { showTronAddress, tronAddress } from "@aiforge/contracts";
import {
  readTronEvents,
  readTronPage,
  readTronPlace,
  type TronEventPage,
  type TronEventPlace,
  type TronList,
  tronEventList,
  tronPages,
} from "@aiforge/contracts/tron";
import type pg from "pg";
import { type Hex, toHex } from "viem";
import type { TronSources } from "./config.ts";
import type { TronNode } from "./node.ts";
import { BadAnswer } from "./wire.ts";

const TRIES = 5;

/** What an event server lists: where a log of ours is. */
export interface Listed extends TronEventPlace {
  /** The log's data; null where the list does not say it. */
  data: Hex | null;
}

/** A list of an event server's, of logs that the scan keeps. */
export interface KeptList extends TronList {
  name: "events" | "transfers";
  /** Whose logs they are. */
  address: Hex;
  read: (json: unknown) => TronEventPage<Listed | Elsewhere>;
}

/** An entry that is none of ours. */
interface Elsewhere {
  txHash: null;
  timestamp: number;
}

/** The lists to compare: the contract's events, and the transfers of USDT to the cashier where there is one. */
export function keptLists({ aiforge, usdt, cashier }: TronSources): KeptList[] {
  const events: KeptList = {
    ...tronEventList(aiforge),
    name: "events",
    address: aiforge,
    read: (json) => {
      const page = readTronEvents(json);
      return { ...page, places: page.places.map((place) => ({ ...place, data: null })) };
    },
  };
  if (!usdt || !cashier) return [events];
  return [
    events,
    {
      name: "transfers",
      path: `v1/accounts/${showTronAddress(cashier)}/transactions/trc20`,
      since: "min_timestamp",
      query: { only_to: "true", contract_address: showTronAddress(usdt) },
      address: usdt,
      read: (json) => readTronPage(json, (entry) => readTransfer(entry, usdt, cashier)),
    },
  ];
}

/** An entry of `v1/accounts/:address/transactions/trc20`, which lists approvals too. */
function readTransfer(entry: Record<string, unknown>, usdt: Hex, cashier: Hex): Listed | Elsewhere {
  const place = readTronPlace(entry);
  const { type, to, value, token_info: token } = entry;
  const ours = type === "Transfer" && isAddress(to, cashier) && isAddress(addressOf(token), usdt);
  if (!ours) return { txHash: null, timestamp: place.timestamp };
  if (typeof value !== "string" || !/^\d{1,78}$/.test(value)) throw new BadAnswer("A transfer has no amount");
  return { ...place, data: toHex(BigInt(value), { size: 32 }) };
}

const addressOf = (token: unknown): unknown =>
  typeof token === "object" && token !== null && "address" in token ? token.address : null;

function isAddress(text: unknown, address: Hex): boolean {
  try {
    return typeof text === "string" && tronAddress(text) === address;
  } catch {
    return false;
  }
}

/**
 * Everything that is confirmed on a list from a time on, in pages.
 * @param since milliseconds since 1970
 * @throws NodeFailure when no event server answers
 */
export function listedSince(
  node: TronNode,
  list: KeptList,
  since: number,
  signal: AbortSignal,
): AsyncGenerator<(Listed | Elsewhere)[], void, void> {
  const read = (json: unknown) => {
    try {
      return list.read(json);
    } catch {
      throw new BadAnswer(`The page of ${list.name} is not one`);
    }
  };
  const readPage = async (path: string) =>
    (await node.ask("events", { path, read, tries: TRIES, signal })).value;
  return tronPages(readPage, list, since, signal);
}

/** Those on a page that have no kept log, as the list says them. */
export async function notKept(
  client: pg.ClientBase,
  { address }: KeptList,
  page: (Listed | Elsewhere)[],
): Promise<Listed[]> {
  const listed = page.filter((each) => each.txHash !== null);
  const { rows } = await client.query<{ tx_hash: Hex; data: Hex }>(
    // With the chain, which the key begins with, the few are found by it.
    `SELECT tx_hash, data FROM tron.logs
     WHERE chain_id = (SELECT chain_id FROM tron.cursor) AND tx_hash = ANY($1) AND address = $2`,
    [listed.map(({ txHash }) => txHash), address],
  );
  const keyOf = (txHash: Hex, data: Hex) => `${txHash} ${data}`;
  const known = new Set(rows.map(({ tx_hash }) => tx_hash));
  // A transaction can move the same amount twice.
  const left = new Map<string, number>();
  for (const { tx_hash, data } of rows) {
    left.set(keyOf(tx_hash, data), (left.get(keyOf(tx_hash, data)) ?? 0) + 1);
  }
  return listed.filter(({ txHash, data }) => {
    if (data === null) return !known.has(txHash);
    const count = left.get(keyOf(txHash, data)) ?? 0;
    left.set(keyOf(txHash, data), count - 1);
    return count <= 0;
  });
}

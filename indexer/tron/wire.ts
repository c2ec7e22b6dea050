import { tronAddress } from "@aiforge/contracts";
import type { Hex } from "viem";

/**
 * The answer is not what was asked for: empty (a node that lags says `{}` or `[]`), cut short or malformed. Another
 * node may know better, so it is asked again.
 */
export class BadAnswer extends Error {
  override name = "BadAnswer";
}

/** A block as far as the watcher reads it. Hashes are `0x` and 32 bytes. */
export interface TronBlock {
  number: number;
  id: Hex;
  parentId: Hex;
  /** Unix seconds, as the VM says them. */
  timestamp: number;
  /** The ids of its transactions in their order. */
  transactions: Hex[];
  /** Which contracts they call, and with what; not what those call in turn. */
  calls: { contract: Hex; data: string }[];
}

/** One log of a transaction that succeeded. */
export interface TronLog {
  address: Hex;
  topics: Hex[];
  data: Hex;
}

/** What became of a transaction. */
export interface TronInfo {
  id: Hex;
  blockNumber: number;
  /** Null when it succeeded, else what the VM said: REVERT, OUT_OF_ENERGY, … */
  failure: string | null;
  /** What the contract answered to a failure, as text if it was. */
  message: string | null;
  /** None when it failed. */
  logs: TronLog[];
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function object(value: unknown, what: string): Json {
  if (!isObject(value)) throw new BadAnswer(`${what} is missing`);
  return value;
}

/** A whole number; a node's JSON leaves out what is 0. */
function whole(value: unknown, what: string): number {
  if (value === undefined) return 0;
  if (!Number.isSafeInteger(value) || Number(value) < 0) throw new BadAnswer(`${what} is not a number`);
  return Number(value);
}

const isHex = (text: string) => /^[0-9a-f]*$/i.test(text) && text.length % 2 === 0;

function bytes(value: unknown, what: string, length?: number): Hex {
  const hex = typeof value === "string" ? value.replace(/^0x/, "").toLowerCase() : "";
  const valid = isHex(hex) && (length === undefined || hex.length === 2 * length);
  if (!valid || (value !== undefined && typeof value !== "string")) throw new BadAnswer(`${what} is not hex`);
  return `0x${hex}`;
}

/**
 * Reads a block.
 * @throws BadAnswer for `{}`, and for a block whose id is not of its number
 */
export function parseBlock(json: unknown): TronBlock {
  const block = object(json, "The block");
  const raw = object(object(block.block_header, "The block's header").raw_data, "The block's header");
  const number = whole(raw.number, "The block's number");
  const id = bytes(block.blockID, "The block's id", 32);
  if (BigInt(id.slice(0, 18)) !== BigInt(number)) throw new BadAnswer("The block's id is not of its number");
  const transactions = block.transactions ?? [];
  if (!Array.isArray(transactions)) throw new BadAnswer("The block's transactions are no list");
  const ids = transactions.map((each) => bytes(object(each, "A transaction").txID, "A transaction's id", 32));
  if (new Set(ids).size < ids.length) throw new BadAnswer("The block has a transaction twice");
  return {
    number,
    id,
    parentId: bytes(raw.parentHash, "The block's parent", 32),
    timestamp: Math.floor(whole(raw.timestamp, "The block's time") / 1000),
    transactions: ids,
    calls: transactions.flatMap(callsOf),
  };
}

/** What a transaction calls, none when it calls nothing that can be understood: it is only a hint. */
function callsOf(transaction: unknown): TronBlock["calls"] {
  const raw = isObject(transaction) && isObject(transaction.raw_data) ? transaction.raw_data.contract : null;
  return (Array.isArray(raw) ? raw : []).flatMap((each) => {
    const parameter = isObject(each) && isObject(each.parameter) ? each.parameter.value : null;
    if (!isObject(parameter) || typeof parameter.contract_address !== "string") return [];
    if (!/^41[0-9a-f]{40}$/i.test(parameter.contract_address)) return [];
    const data = typeof parameter.data === "string" ? parameter.data.toLowerCase() : "";
    return [{ contract: tronAddress(parameter.contract_address), data }];
  });
}

/** Reads blocks that follow each other, `count` at the most, from the first that was asked for on; `{}` is none. */
export function parseBlocks(from: number, count: number): (json: unknown) => TronBlock[] {
  return (json) => {
    const list = object(json, "The list of blocks").block ?? [];
    if (!Array.isArray(list) || list.length > count) throw new BadAnswer("The blocks are no such list");
    const blocks = list.map(parseBlock).sort((a, b) => a.number - b.number);
    for (const [at, block] of blocks.entries()) {
      if (block.number !== from + at)
        throw new BadAnswer(`Asked for block ${from + at}, got ${block.number}`);
      const before = blocks[at - 1];
      if (before && before.id !== block.parentId)
        throw new BadAnswer(`Block ${block.number} has another parent`);
    }
    return blocks;
  };
}

/** The block that was asked for; `{}` and another one are no answer. */
export function parseBlockAt(number: number): (json: unknown) => TronBlock {
  return (json) => {
    const block = parseBlock(json);
    if (block.number !== number) throw new BadAnswer(`Asked for block ${number}, got ${block.number}`);
    return block;
  };
}

/** Reads one transaction's info; null for `{}`, which is how a node says that it does not know it. */
export function parseInfo(json: unknown): TronInfo | null {
  const info = object(json, "The transaction's info");
  if (Object.keys(info).length === 0) return null;
  const receipt = isObject(info.receipt) ? info.receipt.result : undefined;
  const said = typeof receipt === "string" ? receipt : null;
  // `result` is there only for a failure.
  const failure = info.result === "FAILED" ? (said ?? "FAILED") : said === "SUCCESS" ? null : said;
  const logs = info.log ?? [];
  if (!Array.isArray(logs)) throw new BadAnswer("A transaction's logs are no list");
  return {
    id: bytes(info.id, "A transaction's id", 32),
    blockNumber: whole(info.blockNumber, "A transaction's block"),
    failure,
    message: failure === null ? null : textOf(info.resMessage),
    // A transfer of TRX says no `receipt.result` and has no logs; a call that succeeded says so.
    logs: failure === null && said === "SUCCESS" ? logs.map(parseLog) : [],
  };
}

/** The info of the transaction that was asked for, not of another. */
export function parseInfoOf(id: Hex): (json: unknown) => TronInfo | null {
  return (json) => {
    const info = parseInfo(json);
    if (info && info.id !== id) throw new BadAnswer(`Asked for transaction ${id}, got ${info.id}`);
    return info;
  };
}

function parseLog(json: unknown): TronLog {
  const log = object(json, "A log");
  const topics = log.topics ?? [];
  if (!Array.isArray(topics)) throw new BadAnswer("A log's topics are no list");
  return {
    address: tronAddress(bytes(log.address, "A log's address")),
    topics: topics.map((topic) => bytes(topic, "A topic")),
    data: bytes(log.data, "A log's data"),
  };
}

function textOf(hex: unknown): string | null {
  if (typeof hex !== "string" || hex === "" || !isHex(hex)) return null;
  return Buffer.from(hex, "hex").toString("utf8").replaceAll("\0", "");
}

/**
 * Reads the infos of a block's transactions.
 * @returns one for each transaction, in the block's order
 * @throws BadAnswer unless there is exactly one for each: a node that lags answers `[]` or leaves some out (R15)
 */
export function parseInfos(json: unknown, block: TronBlock): TronInfo[] {
  // A node says `{}` of a block without transactions as well as of one that it does not have.
  const list = isObject(json) && Object.keys(json).length === 0 ? [] : json;
  if (!Array.isArray(list)) throw new BadAnswer("The infos are no list");
  if (list.length !== block.transactions.length) {
    throw new BadAnswer(
      `Block ${block.number} has ${block.transactions.length} transactions, but ${list.length} infos came`,
    );
  }
  const infos = new Map(list.map((each) => parseInfo(each)).map((info) => [info?.id, info]));
  return block.transactions.map((id) => {
    const info = infos.get(id);
    if (info?.blockNumber !== block.number) throw new BadAnswer(`The info of ${id} is missing`);
    return info;
  });
}

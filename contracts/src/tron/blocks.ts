import { type Hex, numberToHex, zeroHash } from "viem";
import { type AskTron, isObject, numberOf, objectOf, type TronJson, tronError } from "./node.ts";

export interface TronHead {
  number: number;
  id: Hex;
  parentId: Hex;
  /** Milliseconds since 1970. */
  time: number;
  /** As in the node's JSON. */
  transactions: TronJson[];
}

/**
 * Reads a block of a node's JSON.
 * @returns null for `{}`: the node has no such block
 */
export function readBlock(json: unknown): TronHead | null {
  if (!isObject(json) || !isObject(json.block_header)) return null;
  const raw = objectOf(json.block_header.raw_data, "block");
  const number = numberOf(raw.number);
  const id: Hex = `0x${String(json.blockID)}`;
  if (!/^0x[0-9a-f]{64}$/.test(id) || BigInt(id.slice(0, 18)) !== BigInt(number)) {
    throw tronError("block", -32603, "The block's id is not of its number.");
  }
  return {
    number,
    id,
    parentId: `0x${String(raw.parentHash)}`,
    time: numberOf(raw.timestamp),
    transactions: Array.isArray(json.transactions) ? json.transactions.filter(isObject) : [],
  };
}

/**
 * The newest block of the full node, or the newest solid one; without its transactions.
 * @throws RpcRequestError when the node knows none
 */
export async function tronHead(ask: AskTron, solid = false): Promise<TronHead> {
  const head = readBlock(await ask(`${solid ? "walletsolidity" : "wallet"}/getblock`, { detail: false }));
  if (!head) throw tronError("getblock", -32603, "The node knows no newest block.");
  return head;
}

/** The last four bytes of the first block's id, as CHAINID says inside the VM. */
export async function tronChainId(ask: AskTron): Promise<number> {
  const block = readBlock(await ask("wallet/getblockbynum", { num: 0 }));
  if (!block) throw tronError("eth_chainId", -32603, "The node does not have the first block.");
  return Number.parseInt(block.id.slice(-8), 16);
}

/**
 * The block that a JSON-RPC block parameter means; null when the node does not have it. The newest ones come without
 * their transactions: they are asked for their height and time again and again.
 */
export async function blockAt(ask: AskTron, tag: unknown): Promise<TronHead | null> {
  if (tag === "safe" || tag === "finalized") return tronHead(ask, true);
  if (tag === undefined || tag === "latest" || tag === "pending") return tronHead(ask);
  const num = tag === "earliest" ? 0 : Number(tag);
  if (!Number.isSafeInteger(num) || num < 0) throw tronError("block", -32602, `Not a block: ${tag}`);
  return readBlock(await ask("wallet/getblockbynum", { num }));
}

/** A block as JSON-RPC has it; what Tron has nothing for is empty. */
export function rpcBlock(block: TronHead) {
  return {
    number: numberToHex(block.number),
    hash: block.id,
    parentHash: block.parentId,
    timestamp: numberToHex(Math.floor(block.time / 1000)),
    transactions: block.transactions.map(({ txID }) => `0x${txID}`),
    baseFeePerGas: null,
    difficulty: "0x0",
    extraData: "0x",
    gasLimit: "0x0",
    gasUsed: "0x0",
    logsBloom: null,
    miner: "0x0000000000000000000000000000000000000000",
    mixHash: zeroHash,
    nonce: "0x0000000000000000",
    receiptsRoot: zeroHash,
    sha3Uncles: zeroHash,
    size: "0x0",
    stateRoot: zeroHash,
    totalDifficulty: "0x0",
    transactionsRoot: zeroHash,
    uncles: [],
  };
}

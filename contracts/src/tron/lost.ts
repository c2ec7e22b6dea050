import type { Client, Hex } from "viem";
import { readBlock, type TronHead, tronHead } from "./blocks.ts";
import { type AskTron, askTron, isObject } from "./node.ts";
import type { TronTransaction } from "./transaction.ts";

/** Blocks to ask for at once: on a busy chain one is some hundred kilobytes. */
const PAGE = 5;
/** Of a height a transaction names the low two bytes. */
const HEIGHTS = 0x10000;

/** How far a transaction's blocks were read: the last of those that do not have it. */
export interface TronLostProgress {
  last?: TronHead | undefined;
}

/**
 * Whether a transaction can never come into the chain any more: it expired, and no solid block has it that it could be
 * in. Every one of those is read, each linked to the one before, so a node that lags or answers nothing makes it false,
 * never true.
 * @param node its address, or a client over `tronTransport`
 * @param transaction one from `buildTronCall`, which refers to a solid block
 * @param progress of this transaction, kept between calls: then each block is read once, also when a call fails halfway
 * @throws viem's errors when the node does not answer
 */
export async function tronLost(
  node: string | Client,
  transaction: TronTransaction,
  progress: TronLostProgress = {},
): Promise<boolean> {
  const ask = askTron(node);
  const { expiration } = transaction.raw_data;
  const head = await tronHead(ask, true);
  if (head.time <= expiration) return false;
  let last = progress.last ?? (await referenceOf(ask, head, transaction));
  while (last && last.time < expiration) {
    const blocks = await blocksAfter(ask, last);
    if (blocks.length === 0) return false;
    for (const block of blocks) {
      if (block.number !== last.number + 1) return false;
      if (block.parentId !== last.id) {
        // One of the two is wrong: all are read again.
        progress.last = undefined;
        return false;
      }
      if (block.transactions.some(({ txID }) => txID === transaction.txID)) return false;
      // A block is held to the time of its parent, so this is the last one that could have it.
      if (block.time >= expiration) return true;
      last = block;
      progress.last = block;
    }
  }
  return false;
}

/** The solid block that a transaction refers to; null when the node does not have it. */
async function referenceOf(
  ask: AskTron,
  head: TronHead,
  { raw_data: { ref_block_bytes, ref_block_hash } }: TronTransaction,
): Promise<TronHead | null> {
  const low = Number.parseInt(ref_block_bytes, 16);
  let num = head.number - ((head.number - low) & (HEIGHTS - 1));
  for (; num >= 0; num -= HEIGHTS) {
    const block = readBlock(await ask("walletsolidity/getblockbynum", { num }));
    if (block === null) return null;
    if (idPart(block.id) === ref_block_hash) return block;
  }
  return null;
}

/** What of a block's id a transaction names. */
const idPart = (id: Hex): string => id.slice(18, 34);

async function blocksAfter(ask: AskTron, { number }: TronHead): Promise<TronHead[]> {
  const range = { startNum: number + 1, endNum: number + 1 + PAGE };
  const answer = await ask("walletsolidity/getblockbylimitnext", range);
  const list = isObject(answer) && Array.isArray(answer.block) ? answer.block : [];
  return list.flatMap((json) => readBlock(json) ?? []).sort((a, b) => a.number - b.number);
}

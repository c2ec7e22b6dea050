import { addressBytes } from "../protocol/address.ts";
import { sha256, sign } from "../protocol/crypto.ts";
import { toHex } from "../protocol/hex.ts";
import type { JsonObject } from "../protocol/json.ts";
import { BLOCK_HEADER } from "../protocol/messages.ts";
import { encode } from "../protocol/protobuf.ts";
import { type Transaction, transactionToBytes, transactionToJson } from "../protocol/transaction.ts";
import type { Receipt } from "./execute.ts";
import { witnessAddress, witnessKey } from "./witnesses.ts";

/** The version that blocks carry, which tells what their makers run. */
const VERSION = 32;

export interface Included extends Receipt {
  transaction: Transaction;
}

/** What a block's id is made of. */
export interface BlockParts {
  number: number;
  /** Milliseconds since 1970. */
  time: number;
  slot: number;
  /** 32 bytes. */
  parentId: Uint8Array;
  /** 32 bytes, of {@link merkleRoot}. */
  root: Uint8Array;
}

/** The encoded header, over which the witness signs. */
function headerBytes({ number, time, slot, parentId, root }: BlockParts): Uint8Array {
  return encode(BLOCK_HEADER, {
    timestamp: BigInt(time),
    txTrieRoot: root,
    parentHash: parentId,
    number: BigInt(number),
    witness_address: addressBytes(witnessAddress(slot)),
    version: BigInt(VERSION),
  });
}

/** A block's id: its height in 8 bytes, then the last 24 bytes of the hash of its header. */
export function blockId(parts: BlockParts): Uint8Array {
  const id = Buffer.from(sha256(headerBytes(parts)));
  id.writeBigUInt64BE(BigInt(parts.number));
  return new Uint8Array(id);
}

/** The Merkle root of transactions: 32 zero bytes for none. An odd one out moves up as it is. */
export function merkleRoot(included: readonly Included[]): Uint8Array {
  let level = included.map(({ transaction }) => sha256(transactionToBytes(transaction)));
  if (level.length === 0) return new Uint8Array(32);
  while (level.length > 1) {
    const pairs: Uint8Array[] = [];
    for (let index = 0; index < level.length; index += 2) {
      const [left, right] = level.slice(index, index + 2) as [Uint8Array, Uint8Array | undefined];
      pairs.push(right ? sha256(left, right) : left);
    }
    level = pairs;
  }
  return level[0] as Uint8Array;
}

/** As a node shows a block. The witness's signature is made here, as no block needs it before it is read. */
export function blockToJson(
  parts: BlockParts,
  id: Uint8Array,
  included: readonly Included[] | undefined,
): JsonObject {
  const { number, time, slot, parentId, root } = parts;
  return {
    blockID: toHex(id),
    block_header: {
      raw_data: {
        ...(number > 0 && { number }),
        txTrieRoot: toHex(root),
        witness_address: `41${witnessAddress(slot)}`,
        parentHash: toHex(parentId),
        ...(number > 0 && { version: VERSION }),
        timestamp: time,
      },
      ...(number > 0 && { witness_signature: toHex(sign(sha256(headerBytes(parts)), witnessKey(slot))) }),
    },
    ...(included && included.length > 0 && { transactions: included.map(includedToJson) }),
  };
}

/** As a node shows a transaction that is in a block. */
export function includedToJson({ transaction, result }: Included): JsonObject {
  const { visible: _, ...json } = transactionToJson(transaction);
  return { ret: [{ contractRet: result }], ...json };
}

import { type Address, getAbiItem, type Hex, type PublicClient } from "viem";
import { aiforgeAbi } from "../compiled/aiforgeAbi.ts";
import { deployments } from "../deployments.ts";
import type { PlanPurchase } from "../distribution.ts";
import { isTronClient } from "../tron/index.ts";
import { type ReadOptions, readLogs, readTimes } from "./logs.ts";
import { readTronLogs } from "./tronLogs.ts";

/** A root that was posted. */
export interface PostedRoot {
  /** As the contract counts: year * 12 + month - 1. */
  month: number;
  root: Hex;
  /** The sum of its leaves, in micro-USDT. */
  total: bigint;
  /** Of the inputs. */
  cid: string;
  /** Whether an admin refused it, so that it never pays. */
  vetoed: boolean;
}

/** All that the chain knows of the creators' pool, in the chain's order. */
export interface ChainRecord {
  /** CAIP-2. */
  chain: string;
  /** The contract, lower-case. */
  aiforge: Address;
  posts: PostedRoot[];
  purchases: PlanPurchase[];
  /** Each time that a model got a split, in unix seconds. */
  splits: { modelId: Hex; splitId: Hex; time: bigint }[];
}

const EVENTS = [
  getAbiItem({ abi: aiforgeAbi, name: "PlanPurchased" }),
  getAbiItem({ abi: aiforgeAbi, name: "RootPosted" }),
  getAbiItem({ abi: aiforgeAbi, name: "RootVetoed" }),
  getAbiItem({ abi: aiforgeAbi, name: "ModelPublished" }),
  getAbiItem({ abi: aiforgeAbi, name: "ModelSplitSet" }),
] as const;

/**
 * Reads the record of the creators' pool from a node, and from nowhere else. On Tron, where nodes keep no index of
 * events, its event server says in which transactions they are.
 * @param from the first block that can hold an event of the contract's; searched when left out
 * @throws {ChainRefusedError} when the node does not give it
 * @throws {BaseError} viem's, when the node does not answer at all
 */
export async function readChainRecord(
  client: PublicClient,
  { aiforge, from }: { aiforge: Address; from?: bigint | undefined },
  options: ReadOptions = {},
): Promise<ChainRecord> {
  const id = await client.getChainId();
  const tron = isTronClient(client);
  const logs = tron
    ? await readTronLogs(client, { address: aiforge, events: EVENTS, from }, options)
    : await readEvmLogs(client, id, { aiforge, from }, options);

  const untimed = logs.filter((log) => isTimed(log.eventName) && log.blockTimestamp == null);
  const times = await readTimes(
    client,
    untimed.map(({ blockNumber }) => blockNumber),
    options,
  );
  const timeOf = ({ blockNumber, blockTimestamp }: (typeof logs)[number]) =>
    blockTimestamp ?? (times.get(blockNumber) as bigint);

  const record: ChainRecord = {
    chain: tron ? `tron:0x${id.toString(16)}` : `eip155:${id}`,
    aiforge: aiforge.toLowerCase() as Address,
    posts: [],
    purchases: [],
    splits: [],
  };
  for (const log of logs) {
    const { transactionHash: txHash, logIndex, blockNumber } = log;
    switch (log.eventName) {
      case "PlanPurchased": {
        const { plan, account, months, price, fee } = log.args;
        const place = { txHash, logIndex, blockNumber, blockTimestamp: timeOf(log) };
        record.purchases.push({ ...place, plan, account, months: Number(months), price, fee });
        break;
      }
      case "RootPosted": {
        const { month, root, total, cid } = log.args;
        record.posts.push({ month: Number(month), root, total, cid, vetoed: false });
        break;
      }
      case "RootVetoed": {
        // One root waits at a time: a veto refuses the last that was posted.
        const refused = record.posts.findLast((post) => post.root === log.args.root && !post.vetoed);
        if (refused) refused.vetoed = true;
        break;
      }
      default: {
        const { modelId, splitId } = log.args;
        record.splits.push({ modelId, splitId, time: timeOf(log) });
      }
    }
  }
  return record;
}

async function readEvmLogs(
  client: PublicClient,
  id: number,
  { aiforge, from }: { aiforge: Address; from?: bigint | undefined },
  options: ReadOptions,
) {
  const to = await client.getBlockNumber({ cacheTime: 0 });
  const first = from ?? (await firstBlock(client, id, aiforge, to));
  return readLogs(client, { address: aiforge, events: EVENTS, from: first, to }, options);
}

const isTimed = (event: string) => event !== "RootPosted" && event !== "RootVetoed";

/** Where the contract begins: known, or found by its code, or else the chain's first block. */
async function firstBlock(client: PublicClient, id: number, address: Address, head: bigint): Promise<bigint> {
  const known = deployments[id];
  if (known && known.aiforge.toLowerCase() === address.toLowerCase()) return BigInt(known.startBlock);
  let [low, high] = [0n, head];
  try {
    while (low < high) {
      const middle = (low + high) / 2n;
      if (await client.getCode({ address, blockNumber: middle })) high = middle;
      else low = middle + 1n;
    }
    return low;
  } catch {
    // Most nodes keep no code of old blocks. Events they keep, so all blocks are asked for those.
    return 0n;
  }
}

import { aiforgeAbi } from "@aiforge/contracts";
import {
  BaseError,
  ContractFunctionRevertedError,
  decodeFunctionData,
  type Hex,
  parseEventLogs,
  type Transaction,
  TransactionNotFoundError,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from "viem";
import type { Chain } from "../../chain/chains.ts";
import { readChain } from "../../chain/read.ts";
import type { Purpose } from "./schema.ts";

/** One thing that a transaction bought. */
export interface Bought {
  purpose: Purpose;
  onchainId: string;
  account: string;
  months: number;
  logIndex: number;
}

const PURPOSES = {
  ServicePurchased: "service",
  ModelPublished: "publish",
  ListingExtended: "listing",
} as const satisfies Record<string, Purpose>;

/** What a chain says of a transaction. */
export type Finding =
  | { state: "unknown" }
  | { state: "pending"; to: string | null }
  | { state: "reverted"; to: string | null; input: Hex; error: string | null }
  | { state: "mined"; to: string | null; input: Hex; blockNumber: bigint; bought: Bought[] };

/**
 * Looks a transaction up and reads what it bought from the contract.
 * @throws AppError `chain_unavailable` (503)
 */
export async function findTransaction(chain: Chain, hash: Hex): Promise<Finding> {
  const [transaction, receipt] = await readChain(() =>
    Promise.all([
      orNull(chain.client.getTransaction({ hash }), TransactionNotFoundError),
      orNull(chain.client.getTransactionReceipt({ hash }), TransactionReceiptNotFoundError),
    ]),
  );
  if (!transaction) return { state: "unknown" };
  const to = transaction.to?.toLowerCase() ?? null;
  const { input } = transaction;
  if (!receipt) return { state: "pending", to };
  if (receipt.status === "reverted") {
    return { state: "reverted", to, input, error: await revertName(chain, transaction, receipt) };
  }
  return { state: "mined", to, input, blockNumber: receipt.blockNumber, bought: boughtIn(chain, receipt) };
}

function boughtIn(chain: Chain, receipt: TransactionReceipt): Bought[] {
  const ours = receipt.logs.filter(({ address }) => address.toLowerCase() === chain.aiforge.toLowerCase());
  const events = parseEventLogs({
    abi: aiforgeAbi,
    logs: ours,
    eventName: ["ServicePurchased", "ModelPublished", "ListingExtended"],
  });
  return events.map(({ eventName, args, logIndex }) => ({
    purpose: PURPOSES[eventName],
    onchainId: args.modelId.toLowerCase(),
    account: args.account.toLowerCase(),
    months: "months" in args ? Number(args.months) : 1,
    logIndex,
  }));
}

/** The name of the contract's error, found by running the call again as it was; null when that does not tell. */
async function revertName(
  chain: Chain,
  transaction: Transaction,
  receipt: TransactionReceipt,
): Promise<string | null> {
  if (transaction.to?.toLowerCase() !== chain.aiforge.toLowerCase()) return null;
  let call: ReturnType<typeof decodeFunctionData<typeof aiforgeAbi>>;
  try {
    call = decodeFunctionData({ abi: aiforgeAbi, data: transaction.input });
  } catch {
    return null;
  }
  // As it was before the block; where something in the block itself was in the way, as it was after.
  for (const blockNumber of [receipt.blockNumber - 1n, receipt.blockNumber]) {
    try {
      await chain.client.simulateContract({
        address: chain.aiforge,
        abi: aiforgeAbi as readonly unknown[],
        functionName: call.functionName,
        args: call.args as readonly unknown[],
        account: transaction.from,
        blockNumber,
      });
    } catch (error) {
      const cause =
        error instanceof BaseError && error.walk((each) => each instanceof ContractFunctionRevertedError);
      if (cause instanceof ContractFunctionRevertedError) return cause.data?.errorName ?? null;
      return null;
    }
  }
  return null;
}

async function orNull<T>(found: Promise<T>, absent: new (...args: never[]) => BaseError): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof absent) return null;
    throw error;
  }
}

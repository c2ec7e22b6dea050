import { aiforgeAbi, usdtAbi } from "@aiforge/contracts";
import { askTron, tronInfo, tronResult } from "@aiforge/contracts/tron";
import {
  type BaseError,
  decodeFunctionData,
  type Hex,
  isAddressEqual,
  parseEventLogs,
  type Transaction,
  TransactionNotFoundError,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
  zeroHash,
} from "viem";
import type { Chain } from "../../chain/chains.ts";
import { readChain } from "../../chain/read.ts";
import { errorName, revertOf } from "../../chain/revert.ts";
import type { Purpose } from "./schema.ts";

/** One thing that a transaction bought. */
export interface Bought {
  purpose: Purpose;
  onchainId: string;
  account: string;
  payer: string | null;
  months: number;
  /** Micro-USDT. */
  amount: bigint;
  logIndex: number;
}

/** A movement of some token; addresses lower-case, amount in its base units. */
export interface Moved {
  token: string;
  from: string;
  to: string;
  amount: bigint;
  logIndex: number;
}

interface Sent {
  to: string | null;
  input: Hex;
  /** Wei. */
  value: bigint;
}

/** What a chain says of a transaction. */
export type Finding =
  | { state: "unknown" }
  | (Sent & { state: "pending" })
  | (Sent & { state: "reverted"; error: string | null })
  | (Sent & { state: "mined"; blockNumber: bigint; bought: Bought[]; moved: Moved[] });

/**
 * Looks a transaction up and reads what it bought from the contract, and what it moved.
 * @throws AppError `chain_unavailable` (503)
 */
export async function findTransaction(chain: Chain, hash: Hex): Promise<Finding> {
  // On Tron these are five questions to the node.
  const ask = () =>
    Promise.all([
      orNull(chain.client.getTransaction({ hash }), TransactionNotFoundError),
      orNull(chain.client.getTransactionReceipt({ hash }), TransactionReceiptNotFoundError),
    ]);
  const [transaction, receipt] = await readChain(chain, ask, { blame: false });
  if (!transaction) return { state: "unknown" };
  const { input, value } = transaction;
  const sent = { to: transaction.to?.toLowerCase() ?? null, input, value };
  if (!receipt) return { state: "pending", ...sent };
  if (receipt.status === "reverted") {
    const error =
      chain.namespace === "tron"
        ? await tronFailure(chain, hash)
        : await revertName(chain, transaction, receipt);
    return { state: "reverted", ...sent, error };
  }
  const { blockNumber } = receipt;
  return { state: "mined", ...sent, blockNumber, bought: boughtIn(chain, receipt), moved: movedIn(receipt) };
}

/** Whether a chain knows a transaction; false too when it does not answer. */
export async function knowsTransaction(chain: Chain, hash: Hex): Promise<boolean> {
  const ask = () => chain.client.getTransaction({ hash });
  return readChain(chain, ask, { blame: false }).then(
    () => true,
    () => false,
  );
}

/** Whom a call of USDT's `transfer` is for, lower-case; null for any other call. */
export function transferRecipient(chain: Chain, { to, input }: Sent): string | null {
  if (to !== chain.usdt.toLowerCase()) return null;
  try {
    const { functionName, args } = decodeFunctionData({ abi: usdtAbi, data: input });
    return functionName === "transfer" ? (args[0] as string).toLowerCase() : null;
  } catch {
    return null;
  }
}

const PURPOSES = {
  ServicePurchased: "service",
  LicensePurchased: "license",
  ModelPublished: "publish",
  ListingExtended: "listing",
  PlanPurchased: "plan",
  UsageDeposited: "usage",
  JobOpened: "job",
} as const satisfies Record<string, Purpose>;

function boughtIn(chain: Chain, receipt: TransactionReceipt): Bought[] {
  const events = parseEventLogs({
    abi: aiforgeAbi,
    logs: receipt.logs.filter(({ address }) => isAddressEqual(address, chain.aiforge)),
    eventName: Object.keys(PURPOSES) as (keyof typeof PURPOSES)[],
  });
  return events.map(({ eventName, args, logIndex }) => ({
    purpose: PURPOSES[eventName],
    onchainId: itemOf(args),
    account: lower(args.account),
    payer: "payer" in args ? lower(args.payer) : null,
    months: "months" in args ? Number(args.months) : eventName === "ModelPublished" ? 1 : 0,
    amount:
      "job" in args ? args.job.price : "price" in args ? args.price : "fee" in args ? args.fee : args.amount,
    logIndex,
  }));
}

function itemOf(args: { modelId: string } | { plan: number } | { jobId: string } | object): string {
  if ("modelId" in args) return lower(args.modelId);
  if ("jobId" in args) return lower(args.jobId);
  return "plan" in args ? String(args.plan) : "";
}

const lower = (hex: string) => hex.toLowerCase();

/** keccak256("Transfer(address,address,uint256)") */
const TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

/** Every ERC-20 transfer that the logs tell of. Anybody's contract writes logs, so odd ones are passed over. */
function movedIn({ logs }: TransactionReceipt): Moved[] {
  return logs.flatMap(({ address, topics, data, logIndex }) => {
    const [kind, from, to, ...more] = topics;
    if (kind !== TRANSFER || !from || !to || more.length > 0 || data.length !== zeroHash.length) return [];
    return [
      {
        token: lower(address),
        from: `0x${from.slice(26)}`,
        to: `0x${to.slice(26)}`,
        amount: BigInt(data),
        logIndex,
      },
    ];
  });
}

/** The name of the contract's error, found by running the call again as it was; null when that does not tell. */
async function revertName(
  chain: Chain,
  transaction: Transaction,
  receipt: TransactionReceipt,
): Promise<string | null> {
  const { to, from, input: data } = transaction;
  if (!to || !isAddressEqual(to, chain.aiforge)) return null;
  // As it was before the block; where something in the block itself was in the way, as it was after.
  for (const blockNumber of [receipt.blockNumber - 1n, receipt.blockNumber]) {
    // A node that has not kept the state cannot tell.
    const run = () => revertOf(chain.client, { from, to, data, blockNumber });
    const revert = await readChain(chain, run, { blame: false }).catch(() => null);
    if (revert) return revert.name;
  }
  return null;
}

/** Why a transaction failed, as Tron keeps it: the contract's error, or what it ran out of (`OUT_OF_ENERGY`). */
async function tronFailure(chain: Chain, hash: Hex): Promise<string | null> {
  const info = await readChain(chain, () => tronInfo(askTron(chain.client), hash));
  if (!info) return null;
  const result = tronResult(info);
  if (result !== "REVERT") return result;
  const [data] = Array.isArray(info.contractResult) ? info.contractResult : [];
  return typeof data === "string" ? errorName(`0x${data}`) : null;
}

async function orNull<T>(found: Promise<T>, absent: new (...args: never[]) => BaseError): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof absent) return null;
    throw error;
  }
}

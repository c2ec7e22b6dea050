import { askTron, type TronTransaction, tronInfo, tronLost, tronResult } from "@aiforge/contracts/tron";
import type { Hex, PublicClient, TransactionReceipt } from "viem";
import { explain, type Problem } from "../errors.ts";
import { type confirm, TransactError } from "../transact.ts";

export const EXPIRED: Problem = {
  code: "expired",
  message: "The transaction expired before the network took it.",
  hint: "Nothing was paid. Try again.",
};
const SPENT = "Only the network fee was spent.";

/**
 * Follows a transaction on Tron. It counts once a block of that depth is solid, which is what no vote replaces; until
 * then the number of blocks on it is shown. Nobody is told to pay again for as long as one of the solid blocks that it
 * could be in was not read: a node that lags does not know what is paid.
 * @param sentOf a transaction that was sent from here
 */
export function confirmOnTron(sentOf: (hash: Hex) => TronTransaction | null): typeof confirm {
  return async (publicClient, hash, required, pollingInterval, onState) => {
    let shown = 0;
    let known: TransactionReceipt | null = null;
    let looks = 0;
    const read = {};
    while (true) {
      // It is sent, so a node that does not answer for a while is only asked again.
      const again: TransactionReceipt | null = looks % RECEIPT_EVERY === 0 ? null : known;
      const seen: Seen | null = await look(publicClient, hash, required, again).catch(() => null);
      if (seen?.receipt) {
        const { head, solid } = seen;
        const receipt: TransactionReceipt = seen.receipt;
        looks += 1;
        known = receipt;
        if (receipt.status === "reverted") throw new TransactError(await whyFailed(publicClient, hash), hash);
        const confirmations = countOf(receipt, head);
        if (confirmations >= required && (required === 1 || solid >= receipt.blockNumber)) {
          onState({ step: "success", hash, confirmations: required, required });
          return hash;
        }
        const counted = Math.min(confirmations, required - 1);
        if (counted !== shown) onState({ step: "confirming", hash, confirmations: counted, required });
        shown = counted;
      } else if (seen) {
        known = null;
        looks = 0;
        const sent = sentOf(hash);
        if (sent && (await tronLost(publicClient, sent, read).catch(() => false)))
          throw new TransactError(EXPIRED, hash);
        if (shown > 0) onState({ step: "pending", hash });
        shown = 0;
      }
      await new Promise((resolve) => setTimeout(resolve, pollingInterval));
    }
  };
}

/** While blocks are counted, every so many looks the receipt is read again: its block may have been replaced. */
const RECEIPT_EVERY = 5;

interface Seen {
  receipt: TransactionReceipt | null;
  head: bigint;
  /** The newest solid block; -1 when it was not asked for. */
  solid: bigint;
}

const countOf = ({ blockNumber }: TransactionReceipt, head: bigint): number =>
  Math.max(1, Number(head - blockNumber) + 1);

/**
 * Asks for as little as it takes: each question costs some of a node's quota. With a receipt that is `known` only the
 * height, until that is enough; then both heads before the receipt: what a solid block holds is then in the receipt, too.
 */
async function look(
  publicClient: PublicClient,
  hash: Hex,
  required: number,
  known: TransactionReceipt | null,
): Promise<Seen> {
  const height = () => publicClient.getBlockNumber({ cacheTime: 0 });
  if (!known) {
    const receipt = await receiptOf(publicClient, hash);
    // One block is its own.
    const head = receipt && required > 1 ? await height() : (receipt?.blockNumber ?? 0n);
    return { receipt, head, solid: -1n };
  }
  const head = await height();
  if (countOf(known, head) < required) return { receipt: known, head, solid: -1n };
  const { number } = await publicClient.getBlock({ blockTag: "finalized" });
  if (number < known.blockNumber) return { receipt: known, head, solid: number };
  return { receipt: await receiptOf(publicClient, hash), head, solid: number };
}

async function receiptOf(publicClient: PublicClient, hash: Hex): Promise<TransactionReceipt | null> {
  return publicClient.getTransactionReceipt({ hash }).catch((error: Error) => {
    if (error.name === "TransactionReceiptNotFoundError") return null;
    throw error;
  });
}

/** What a node says of a failure, and what the contract says to the same call now. */
async function whyFailed(publicClient: PublicClient, hash: Hex): Promise<Problem> {
  try {
    const info = await tronInfo(askTron(publicClient), hash);
    if (info && tronResult(info) === "OUT_OF_ENERGY") {
      return {
        code: "out_of_energy",
        message: "The network fee was not enough for it.",
        hint: `${SPENT} Try again: the fee is estimated anew.`,
      };
    }
    const { from: account, to, input: data } = await publicClient.getTransaction({ hash });
    await publicClient.call({ account, to, data });
  } catch (error) {
    return { ...explain(error), hint: SPENT };
  }
  return { code: "reverted", message: "The chain refused this.", hint: SPENT };
}

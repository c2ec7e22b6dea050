import { setTimeout as delay } from "node:timers/promises";
import { type Hash, type PublicClient, type TransactionReceipt, TransactionReceiptNotFoundError } from "viem";

/**
 * Waits until a transaction is mined. viem's own waiting looks again when the next block comes, which never does on a
 * chain that mines a block for each transaction.
 * @param pause milliseconds between two looks.
 * @throws TransactionReceiptNotFoundError after `patience` milliseconds.
 */
export async function receiptOf(
  reader: PublicClient,
  hash: Hash,
  { pause, patience }: { pause: number; patience: number },
): Promise<TransactionReceipt> {
  const giveUp = Date.now() + patience;
  for (;;) {
    try {
      return await reader.getTransactionReceipt({ hash });
    } catch (error) {
      if (!(error instanceof TransactionReceiptNotFoundError) || Date.now() > giveUp) throw error;
    }
    await delay(pause);
  }
}

import {
  formatEther,
  type Hex,
  keccak256,
  parseTransaction,
  TransactionNotFoundError,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from "viem";
import type { PrivateKeyAccount } from "viem/accounts";
import type { Chain } from "../chains.ts";
import type { Look, Sender, SignedTransaction } from "./sender.ts";

type Node = Pick<Chain, "client" | "chainId" | "head" | "confirmations">;

/** Sends on an EVM chain. */
export function evmSender(chain: Node): Sender {
  const { client } = chain;
  const nextNonce: Sender["nextNonce"] = (address, blockTag) =>
    client.getTransactionCount({ address, blockTag });
  return {
    replaceable: true,
    nextNonce,
    emptyFrom: (address) => nextNonce(address, "latest"),
    sign: (account, { to, data }, nonce, replacing) =>
      signCall(chain, account, { to: to as Hex, data: data as Hex }, nonce, replacing),
    send: async (rawTx) => {
      await client.sendRawTransaction({ serializedTransaction: rawTx as Hex });
    },
    knows: (txHash) => found(client.getTransaction({ hash: txHash as Hex })).then((each) => each !== null),
    look: (address, { deep } = {}) => evmLook(chain, address, deep),
    formatFee: formatEther,
  };
}

function evmLook(chain: Node, address: Hex, deep: bigint | undefined): Look {
  const { client, confirmations } = chain;
  const heads = once(() => chain.head(0));
  const settledBlock = async () => (await heads()) - BigInt(confirmations - 1);
  const counts = once(async () => {
    if (deep === undefined) return client.getTransactionCount({ address, blockTag: "latest" });
    const blockNumber = (await settledBlock()) - deep;
    if (blockNumber < 0n) return 0;
    // A node that has not kept the state cannot tell, and then nothing is lost.
    return client.getTransactionCount({ address, blockNumber }).catch(() => 0);
  });
  return {
    at: async (nonce, signed) => {
      const settled = await settledBlock();
      // Asked before the receipts: a nonce that was used by then has its receipt by then, if it is one of ours.
      const used = await counts();
      for (const { txHash } of signed) {
        const receipt = await found<TransactionReceipt>(
          client.getTransactionReceipt({ hash: txHash as Hex }),
        );
        if (!receipt) continue;
        const { status, transactionHash, blockNumber } = receipt;
        return {
          ...{ is: "mined", status, txHash: transactionHash, blockNumber, settled: blockNumber <= settled },
          receipt: async () => receipt,
        };
      }
      return { is: nonce !== null && used > nonce ? "lost" : "open" };
    },
  };
}

async function signCall(
  { client, chainId }: Node,
  account: PrivateKeyAccount,
  call: { to: Hex; data: Hex },
  nonce: number,
  replacing: string | undefined,
): Promise<SignedTransaction> {
  const before = replacing ? parseTransaction(replacing as Hex) : {};
  const [gas, fees] = await Promise.all([
    // What is to be replaced waits in the node's pending state, where the same thing again may fail.
    before.gas ?? client.estimateGas({ account: account.address, ...call, blockTag: "latest" }),
    client.estimateFeesPerGas(),
  ]);
  const rawTx = await account.signTransaction({
    type: "eip1559",
    chainId,
    nonce,
    ...call,
    value: 0n,
    gas: before.gas ?? (gas * 5n) / 4n,
    maxFeePerGas: dearer(fees.maxFeePerGas, before.maxFeePerGas),
    maxPriorityFeePerGas: dearer(fees.maxPriorityFeePerGas, before.maxPriorityFeePerGas),
  });
  return { rawTx, txHash: keccak256(rawTx), nonce };
}

/** A node gives a transaction up only for one that pays an eighth more. */
function dearer(now: bigint, then: bigint | undefined): bigint {
  const least = then === undefined ? 0n : (then * 9n) / 8n + 1n;
  if (now > least) return now;
  return least;
}

/** @returns null when the chain has no such transaction */
async function found<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    const missing =
      error instanceof TransactionReceiptNotFoundError || error instanceof TransactionNotFoundError;
    if (missing) return null;
    throw error;
  }
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask();
    return asked;
  };
}

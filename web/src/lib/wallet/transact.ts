import type { Address, Hex, PublicClient, WalletClient } from "viem";
import { explain, type Problem } from "./errors.ts";

/** What the network takes for a transaction, as it is told before the signature. */
export interface NetworkFee {
  /** As estimated, for people: "6.43". */
  about: string;
  /** The transaction cannot cost more than this. */
  atMost: string;
  symbol: "TRX";
}

/** What the network takes for transactions in a row, as it is told before the first signature. */
export interface FeeForecast {
  /** Of those that can be estimated now, together. */
  about: string;
  /** They cannot cost more than this. */
  atMost: string;
  symbol: "TRX";
  /** How many of the last can be estimated only once those before are on the chain. */
  later: number;
  /** What is wrong: the wallet cannot pay it. */
  problem: Problem | null;
}

/** What is needed of a wallet: viem's clients have it. */
export interface TransactWallet
  extends Pick<WalletClient, "account" | "chain" | "getChainId" | "switchChain"> {
  sendTransaction(transaction: {
    account: NonNullable<WalletClient["account"]>;
    to: Address;
    data: Hex;
    chain: WalletClient["chain"];
  }): Promise<Hex>;
  /**
   * Where the fee is told before the signature.
   * @throws {TransactError} the wallet cannot pay it
   */
  quoteFee?(call: { to: Address; data: Hex }): Promise<NetworkFee>;
  /** The same of all that is to come. @throws viem's errors, also when the first call would be refused */
  forecastFee?(calls: readonly { to: Address; data: Hex }[]): Promise<FeeForecast>;
}

/** Where a wallet action stands. It only moves forward, except that a reorganised chain sends it back to pending. */
export type TransactState =
  | { step: "checking" }
  | { step: "wallet"; fee?: NetworkFee }
  /** The wallet has it, but has not said under which hash. */
  | { step: "sent" }
  | { step: "pending"; hash: Hex }
  | { step: "confirming"; hash: Hex; confirmations: number; required: number }
  | { step: "success"; hash: Hex; confirmations: number; required: number }
  | { step: "failed"; problem: Problem; hash: Hex | null };

export interface TransactParameters {
  to: Address;
  data: Hex;
  /** The chain that the call is meant for; the wallet is asked to switch when it is on another. */
  chainId: number;
  /** How many blocks, the transaction's own included, make it count. */
  confirmations: number;
  publicClient: PublicClient;
  /** Looked up after the switch, since a wallet's client belongs to one chain. */
  walletClient: () => Promise<TransactWallet>;
  /** How a transaction is followed on its chain; left out: as on Ethereum. */
  confirm?: typeof confirm;
  onState?: (state: TransactState) => void;
  /** Between two looks at the chain, in milliseconds. */
  pollingInterval?: number;
}

/** The action did not happen; {@link Problem} says why, in plain words. */
export class TransactError extends Error {
  override name = "TransactError";
  readonly problem: Problem;
  readonly hash: Hex | null;
  constructor(problem: Problem, hash: Hex | null) {
    super(problem.message);
    this.problem = problem;
    this.hash = hash;
  }
}

/**
 * The one way a page asks a wallet for a transaction: check the chain, simulate, prompt, wait for the block, count
 * confirmations. A call that would revert is refused before the wallet is asked.
 * @returns the hash under which it was mined, which differs from the one first seen when the wallet sped it up.
 * @throws {TransactError}
 */
export async function transact(parameters: TransactParameters): Promise<Hex> {
  const { publicClient, confirmations: required, pollingInterval = 1000, onState = () => {} } = parameters;
  const follow = parameters.confirm ?? confirm;
  let hash: Hex | null = null;
  try {
    onState({ step: "checking" });
    const wallet = await walletOnChain(parameters);
    const account = wallet.account;
    if (!account) throw new Error("The wallet is not connected.");
    const { to, data } = parameters;
    await publicClient.call({ account: account.address, to, data });

    const fee = await wallet.quoteFee?.({ to, data });
    onState({ step: "wallet", ...(fee && { fee }) });
    hash = await wallet.sendTransaction({ account, to, data, chain: wallet.chain });
    onState({ step: "pending", hash });

    const confirmed = await follow(publicClient, hash, required, pollingInterval, (state) => {
      hash = state.hash;
      onState(state);
    });
    return confirmed;
  } catch (error) {
    const problem = error instanceof TransactError ? error.problem : explain(error);
    onState({ step: "failed", problem, hash });
    throw new TransactError(problem, hash);
  }
}

async function walletOnChain({ walletClient, chainId }: TransactParameters): Promise<TransactWallet> {
  const wallet = await walletClient();
  if ((await wallet.getChainId()) === chainId) return wallet;
  await wallet.switchChain({ id: chainId });
  const switched = await walletClient();
  if ((await switched.getChainId()) !== chainId) {
    throw new TransactError(
      {
        code: "wrong_chain",
        message: "The wallet is on another network.",
        hint: "Switch the network in the wallet and try again.",
      },
      null,
    );
  }
  return switched;
}

export type Confirmation = Extract<TransactState, { step: "pending" | "confirming" | "success" }>;

/**
 * Waits for the block and counts from there. Also used to take up a transaction that was sent before a reload.
 * @throws {TransactError} when it reverted or was cancelled.
 */
export async function confirm(
  publicClient: PublicClient,
  sent: Hex,
  required: number,
  pollingInterval: number,
  onState: (state: Confirmation) => void,
): Promise<Hex> {
  let hash = sent;
  let shown = 0;
  while (true) {
    let cancelled = false;
    const receipt = await publicClient.waitForTransactionReceipt({
      hash,
      pollingInterval,
      timeout: 0,
      onReplaced: ({ reason, transaction }) => {
        cancelled = reason !== "repriced";
        hash = transaction.hash;
      },
    });
    if (cancelled) {
      throw new TransactError(
        { code: "cancelled", message: "It was cancelled in the wallet.", hint: "Nothing was paid." },
        hash,
      );
    }
    if (receipt.status === "reverted") throw new TransactError(await whyReverted(publicClient, hash), hash);

    while (true) {
      const head = await publicClient.getBlockNumber({ cacheTime: 0 });
      const confirmations = Math.max(1, Number(head - receipt.blockNumber) + 1);
      if (confirmations >= required) {
        // The block may have been replaced since: only what is still there counts.
        const still = await publicClient.getTransactionReceipt({ hash }).catch(() => null);
        if (still?.blockHash !== receipt.blockHash) break;
        onState({ step: "success", hash, confirmations: required, required });
        return hash;
      }
      if (confirmations !== shown) onState({ step: "confirming", hash, confirmations, required });
      shown = confirmations;
      await new Promise((resolve) => setTimeout(resolve, pollingInterval));
    }
    shown = 0;
    onState({ step: "pending", hash });
  }
}

/** A receipt has no reason, so the same call is made again on the block before. */
export async function whyReverted(publicClient: PublicClient, hash: Hex): Promise<Problem> {
  const lost: Problem = {
    code: "reverted",
    message: "The chain refused this.",
    hint: "Only the network fee was spent.",
  };
  try {
    const transaction = await publicClient.getTransaction({ hash });
    await publicClient.call({
      account: transaction.from,
      to: transaction.to,
      data: transaction.input,
      blockNumber: transaction.blockNumber ? transaction.blockNumber - 1n : undefined,
    });
    return lost;
  } catch (error) {
    const problem = explain(error);
    return { ...problem, hint: lost.hint };
  }
}

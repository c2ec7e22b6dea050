import type { Hex, TransactionReceipt } from "viem";
import type { PrivateKeyAccount } from "viem/accounts";

/** A transaction as it is kept and sent, and the hash by which it is found. */
export interface SignedTransaction {
  /** As the chain's nodes take it: bytes in hex, or Tron's JSON. */
  rawTx: string;
  txHash: Hex;
  nonce: number;
}

/** What became of a transaction that was sent. */
export type Sent =
  | {
      is: "mined";
      status: "success" | "reverted";
      txHash: Hex;
      blockNumber: bigint;
      /** As deep in the chain as the chain's confirmations ask. */
      settled: boolean;
      receipt: () => Promise<TransactionReceipt>;
    }
  /** It is not on the chain, and will never be. */
  | { is: "lost" }
  | { is: "open" };

/** The chain as it is during one round: what all transactions have in common is asked for once. */
export interface Look {
  /**
   * @param signed the transactions with one nonce; at most one of them is ever mined
   * @throws viem's errors
   */
  at: (nonce: number | null, signed: { txHash: string; rawTx: string }[]) => Promise<Sent>;
}

/**
 * How the platform's own wallets send on a chain. A number called nonce orders what a wallet sends: on an EVM chain the
 * nonce; on Tron, which has none, the second at which the transaction expires.
 */
export interface Sender {
  /** Whether a transaction that waits too long gives way to one with the same nonce that pays more. */
  replaceable: boolean;
  /**
   * The first nonce that a new transaction can have as far as the chain knows.
   * @param tag whether what waits at the node counts as sent
   */
  nextNonce: (address: Hex, tag: "latest" | "pending") => Promise<number>;
  /** From which nonce on the chain has nothing of a wallet's; null where it never takes back what is settled. */
  emptyFrom: (address: Hex) => Promise<number | null>;
  /**
   * Signs a call. Nothing is sent.
   * @param replacing a transaction of the same nonce, which gives way to this one
   * @throws viem's errors, when the chain does not answer or the call would fail; Error when the wallet cannot pay
   */
  sign: (
    account: PrivateKeyAccount,
    call: { to: string; data: string },
    nonce: number,
    replacing?: string,
  ) => Promise<SignedTransaction>;
  /** Sends what is kept already. @throws when the node refuses it: it has it, or takes it later, or never will */
  send: (rawTx: string) => Promise<void>;
  /** Whether the node knows a transaction, be it mined or waiting. */
  knows: (txHash: string) => Promise<boolean>;
  /**
   * @param deep how many blocks below what is settled the use of a nonce must lie before its transactions are lost; in
   *   the newest block when left out
   */
  look: (address: Hex, options?: { deep?: bigint }) => Look;
  /** An amount of the money that fees are paid in, for people. */
  formatFee: (amount: bigint) => string;
}

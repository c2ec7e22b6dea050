import { recoverSigner } from "../protocol/crypto.ts";
import { fromHex } from "../protocol/hex.ts";
import { type Transaction, transactionToBytes } from "../protocol/transaction.ts";
import { readAccount } from "../vm/accounts.ts";
import type { State } from "../vm/state.ts";
import { validateOperation } from "./contracts.ts";
import { BroadcastError } from "./errors.ts";
import { type Bandwidth, bandwidthOf } from "./fees.ts";

/** A transaction lives no longer than a day. */
const MAX_LIFETIME = 86_400_000;
const MAX_BYTES = 500 * 1024;

/** The chain as the node that is asked sees it. */
export interface Sight {
  state: State;
  /** Height of its newest block. */
  head: number;
  /** Time of its newest block, in milliseconds since 1970. */
  headTime: number;
  /** The id of a block, in hexadecimal. */
  blockId: (height: number) => string;
  isKnown: (transactionId: string) => boolean;
}

/**
 * What a node checks before it takes a transaction, in its order.
 * @returns what the transaction pays for its bytes
 * @throws {BroadcastError}
 */
export function admit(transaction: Transaction, sight: Sight): Bandwidth {
  if (sight.isKnown(transaction.id)) throw new BroadcastError("DUP_TRANSACTION_ERROR", "Dup transaction.");
  requireSignature(transaction);
  return admitSigned(transaction, sight);
}

/** The checks that can turn out differently in another block. @throws {BroadcastError} */
export function admitSigned(transaction: Transaction, sight: Sight): Bandwidth {
  requireReference(transaction, sight);
  const { expiration } = transaction.data;
  if (expiration <= sight.headTime || expiration > sight.headTime + MAX_LIFETIME) {
    throw new BroadcastError("TRANSACTION_EXPIRATION_ERROR", "Transaction expired");
  }
  if (transactionToBytes(transaction).length > MAX_BYTES) {
    throw new BroadcastError("TOO_BIG_TRANSACTION_ERROR", "Transaction size is too big.");
  }
  const { owner } = transaction.contract;
  const account = readAccount(sight.state, owner);
  if (!account) {
    throw new BroadcastError(
      "CONTRACT_VALIDATE_ERROR",
      `Contract validate error : account [${owner}] does not exist`,
    );
  }
  const bandwidth = bandwidthOf(sight.state, transaction, sight.headTime);
  if (account.balance < bandwidth.fee) {
    throw new BroadcastError("BANDWITH_ERROR", "Account resource insufficient error.");
  }
  validateOperation(sight.state, transaction, bandwidth);
  return bandwidth;
}

/** One signature of the owner's: permissions and several signers are not modelled. */
function requireSignature({ id, signatures, contract: { owner } }: Transaction) {
  const [signature] = signatures;
  const signer = signatures.length === 1 && recoverSigner(fromHex(id) as Uint8Array, signature as Uint8Array);
  if (!signer) throw new BroadcastError("SIGERROR", "Validate signature error: sig error");
  if (signer !== owner) {
    throw new BroadcastError(
      "SIGERROR",
      `Validate signature error: 41${signer} is not in the permission of 41${owner}`,
    );
  }
}

/** TAPOS: the transaction names a recent block, so that it is good on one fork only. */
function requireReference({ data: { refBlockBytes, refBlockHash } }: Transaction, sight: Sight) {
  const low = /^[0-9a-f]{4}$/.test(refBlockBytes) ? Number.parseInt(refBlockBytes, 16) : -1;
  const height = sight.head - ((sight.head - low) & 0xffff);
  if (low < 0 || height < 0 || sight.blockId(height).slice(16, 32) !== refBlockHash) {
    throw new BroadcastError("TAPOS_ERROR", "Tapos check error.");
  }
}

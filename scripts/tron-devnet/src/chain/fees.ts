import type { Address } from "../protocol/address.ts";
import { type Transaction, transactionToBytes } from "../protocol/transaction.ts";
import { debit, readAccount, writeAccount } from "../vm/accounts.ts";
import type { State } from "../vm/state.ts";

/** Bytes that an account can send in a day without paying. */
export const FREE_BANDWIDTH = 600;
/** Sun for one byte beyond that. */
export const BANDWIDTH_PRICE = 1000n;
/** Sun for activating an account by sending TRX to it. */
export const ACTIVATION_FEE = 1_000_000n;
/** Sun for the bandwidth of a transaction that activates an account. */
export const ACTIVATION_BANDWIDTH_FEE = 100_000n;

const DAY = 86_400_000;
/** A node counts these bytes for the result that it will add to a transaction. */
const RESULT_BYTES = 64;

/** What a transaction pays for its bytes: from the free quota, or else in sun. */
export interface Bandwidth {
  /** Bytes from the free quota. */
  used: number;
  /** Sun. */
  fee: bigint;
}

/** @param time of the block, in milliseconds since 1970 */
export function bandwidthOf(state: State, transaction: Transaction, time: number): Bandwidth {
  if (activates(state, transaction)) return { used: 0, fee: ACTIVATION_BANDWIDTH_FEE };
  const bytes = transactionToBytes(transaction).length + RESULT_BYTES;
  const used = freeBandwidthUsed(state, transaction.contract.owner, time);
  return used + bytes <= FREE_BANDWIDTH
    ? { used: bytes, fee: 0n }
    : { used: 0, fee: BigInt(bytes) * BANDWIDTH_PRICE };
}

/** What an account used of its free bandwidth, which comes back evenly within a day. */
export function freeBandwidthUsed(state: State, address: Address, time: number): number {
  const account = readAccount(state, address);
  if (!account) return 0;
  const left = Math.max(0, DAY - Math.max(0, time - account.netAt)) / DAY;
  return Math.ceil(account.netUsed * left);
}

export function chargeBandwidth(state: State, owner: Address, { used, fee }: Bandwidth, time: number) {
  if (fee > 0n) return debit(state, owner, fee);
  const account = readAccount(state, owner);
  if (!account) return;
  writeAccount(state, owner, {
    ...account,
    netUsed: freeBandwidthUsed(state, owner, time) + used,
    netAt: time,
  });
}

/** Whether a transaction sends TRX to an address that is no account yet. */
export function activates(state: State, { contract }: Transaction): boolean {
  if (contract.name !== "TransferContract") return false;
  const to = contract.value.to_address as Uint8Array | undefined;
  return to?.length === 21 && !state.get(`a${Buffer.from(to.subarray(1)).toString("hex")}`);
}

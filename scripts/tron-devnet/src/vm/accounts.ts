import type { Address } from "../protocol/address.ts";
import type { State } from "./state.ts";

/** An account as the chain keeps it. */
export interface TronAccount {
  /** Sun. */
  balance: bigint;
  /** The virtual machine's counter, which Tron does not have. Nothing is derived from it. */
  nonce: bigint;
  /** Of its code, in hexadecimal; empty without code. */
  codeHash: string;
  /** Milliseconds since 1970, of the block that activated it. */
  created: number;
  /** Free bandwidth used, in bytes, and when, in milliseconds since 1970. */
  netUsed: number;
  netAt: number;
}

export function readAccount(state: State, address: Address): TronAccount | undefined {
  const text = state.get(`a${address}`);
  if (text === undefined) return undefined;
  const [balance, nonce, codeHash, created, netUsed, netAt] = text.split(" ") as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    balance: BigInt(balance),
    nonce: BigInt(nonce),
    codeHash,
    created: Number(created),
    netUsed: Number(netUsed),
    netAt: Number(netAt),
  };
}

export function writeAccount(state: State, address: Address, account: TronAccount) {
  const { balance, nonce, codeHash, created, netUsed, netAt } = account;
  state.set(`a${address}`, `${balance} ${nonce} ${codeHash} ${created} ${netUsed} ${netAt}`);
}

export const newAccount = (created: number): TronAccount => ({
  balance: 0n,
  nonce: 0n,
  codeHash: "",
  created,
  netUsed: 0,
  netAt: 0,
});

/** Adds to a balance, activating the account at `time` if need be. */
export function credit(state: State, address: Address, amount: bigint, time: number) {
  const account = readAccount(state, address) ?? newAccount(time);
  writeAccount(state, address, { ...account, balance: account.balance + amount });
}

/** Takes from the balance of an account that has enough. */
export function debit(state: State, address: Address, amount: bigint) {
  if (amount === 0n) return;
  const account = readAccount(state, address);
  if (!account || account.balance < amount) throw new Error(`${address} has less than ${amount} sun`);
  writeAccount(state, address, { ...account, balance: account.balance - amount });
}

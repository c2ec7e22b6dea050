import type { AccountFields, StateManagerInterface } from "@ethereumjs/common";
import { Account, type Address as EvmAddress } from "@ethereumjs/util";
import { keccak256 } from "../protocol/crypto.ts";
import { fromHex, toHex } from "../protocol/hex.ts";
import { newAccount, readAccount, writeAccount } from "./accounts.ts";
import type { State } from "./state.ts";

const EMPTY = new Uint8Array();

/** Lets the virtual machine read and write the {@link State}. */
export class EvmState implements StateManagerInterface {
  readonly #state: State;
  readonly #originals = new Map<string, Uint8Array>();
  /** What an account that comes to be in this block is stamped with, in milliseconds since 1970. */
  time = 0;

  /** A slot's value when the transaction began, from which the cost of writing it follows (EIP-2200). */
  readonly originalStorageCache = {
    get: async (address: EvmAddress, key: Uint8Array) =>
      this.#originals.get(slotKey(address, key)) ?? this.getStorage(address, key),
    clear: () => this.#originals.clear(),
  };

  constructor(state: State) {
    this.#state = state;
  }

  async getAccount(address: EvmAddress): Promise<Account | undefined> {
    const account = readAccount(this.#state, toHex(address.bytes));
    if (!account) return undefined;
    const { balance, nonce, codeHash } = account;
    return new Account(nonce, balance, undefined, codeHash ? (fromHex(codeHash) as Uint8Array) : undefined);
  }

  async putAccount(address: EvmAddress, account?: Account): Promise<void> {
    if (!account) return this.deleteAccount(address);
    const known = readAccount(this.#state, toHex(address.bytes));
    // Being called does not bring an account to life.
    if (!known && account.isEmpty()) return;
    writeAccount(this.#state, toHex(address.bytes), {
      ...(known ?? newAccount(this.time)),
      balance: account.balance,
      nonce: account.nonce,
      codeHash: account.isContract() ? toHex(account.codeHash) : "",
    });
  }

  async deleteAccount(address: EvmAddress): Promise<void> {
    const name = toHex(address.bytes);
    for (const kind of ["a", "c", "m"]) this.#state.set(`${kind}${name}`, undefined);
    await this.clearStorage(address);
  }

  async modifyAccountFields(address: EvmAddress, fields: AccountFields): Promise<void> {
    const account = (await this.getAccount(address)) ?? new Account();
    await this.putAccount(
      address,
      new Account(
        fields.nonce ?? account.nonce,
        fields.balance ?? account.balance,
        undefined,
        fields.codeHash ?? account.codeHash,
      ),
    );
  }

  async putCode(address: EvmAddress, code: Uint8Array): Promise<void> {
    this.#state.set(`c${toHex(address.bytes)}`, toHex(code));
    await this.modifyAccountFields(address, { codeHash: keccak256(code) });
  }

  async getCode(address: EvmAddress): Promise<Uint8Array> {
    const code = this.#state.get(`c${toHex(address.bytes)}`);
    return code === undefined ? EMPTY : (fromHex(code) as Uint8Array);
  }

  async getCodeSize(address: EvmAddress): Promise<number> {
    return (this.#state.get(`c${toHex(address.bytes)}`)?.length ?? 0) / 2;
  }

  async getStorage(address: EvmAddress, key: Uint8Array): Promise<Uint8Array> {
    const value = this.#state.get(slotKey(address, key));
    return value === undefined ? EMPTY : (fromHex(value) as Uint8Array);
  }

  async putStorage(address: EvmAddress, key: Uint8Array, value: Uint8Array): Promise<void> {
    const name = slotKey(address, key);
    if (!this.#originals.has(name)) this.#originals.set(name, await this.getStorage(address, key));
    this.#state.set(name, value.some((byte) => byte !== 0) ? toHex(value) : undefined);
  }

  async clearStorage(address: EvmAddress): Promise<void> {
    for (const key of this.#state.keys(`s${toHex(address.bytes)}`)) this.#state.set(key, undefined);
  }

  async checkpoint(): Promise<void> {
    this.#state.checkpoint();
  }

  async commit(): Promise<void> {
    this.#state.commit();
  }

  async revert(): Promise<void> {
    this.#state.revert();
  }

  clearCaches(): void {
    this.#originals.clear();
  }

  getStateRoot(): Promise<Uint8Array> {
    return noRoots();
  }

  setStateRoot(): Promise<void> {
    return noRoots();
  }

  hasStateRoot(): Promise<boolean> {
    return noRoots();
  }

  shallowCopy(): StateManagerInterface {
    return new EvmState(this.#state);
  }
}

const slotKey = (address: EvmAddress, key: Uint8Array) => `s${toHex(address.bytes)}${toHex(key)}`;

const noRoots = () => Promise.reject(new Error("This state has no roots"));

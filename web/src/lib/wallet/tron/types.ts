import type { SignedTronTransaction, TronTransaction } from "@aiforge/contracts/tron";
import type { Address } from "viem";

export type { SignedTronTransaction, TronTransaction };

/** What a wallet's own tronweb is used for. */
export interface WalletTronWeb {
  defaultAddress?: { base58?: string | false };
  trx: {
    sign(transaction: TronTransaction): Promise<SignedTronTransaction>;
    signMessageV2(text: string): Promise<string> | string;
    getBlockByNumber(number: number): Promise<{ blockID?: string }>;
  };
}

/** TIP-1193: a wallet as it is in a page. */
export interface TronProvider {
  request(args: { method: string; params?: unknown }): Promise<unknown>;
  on?(event: string, listener: (...args: unknown[]) => void): void;
  removeListener?(event: string, listener: (...args: unknown[]) => void): void;
  /** Not there, or false, until an account is connected. */
  tronWeb?: WalletTronWeb | false;
  isTronLink?: boolean;
}

/** A wallet that was found, before any of its code is loaded. */
export interface TronChoice {
  /** Stays the same between visits. */
  id: string;
  name: string;
  icon: string | null;
  /** @param onChange called when the wallet changes or withdraws its account by itself */
  open(onChange: () => void): Promise<TronWallet>;
}

/** A Tron wallet, whatever it speaks. */
export interface TronWallet {
  /** Null: not connected. */
  readonly address: Address | null;
  /** Asks its person for an account. */
  connect(): Promise<Address>;
  /** The account that the wallet still lets this site have, without asking. */
  resume(): Promise<Address | null>;
  disconnect(): Promise<void>;
  /** Lets its person choose another account. @throws where only the wallet itself can do that */
  switchAccount(): Promise<void>;
  /** The chain of the wallet's own node; null where it does not say. */
  chainId(): Promise<number | null>;
  /** @throws when the wallet stays on another network */
  switchChain(chainId: number): Promise<void>;
  /** `signMessageV2`. */
  signMessage(text: string): Promise<string>;
  signTransaction(transaction: TronTransaction): Promise<SignedTronTransaction>;
}

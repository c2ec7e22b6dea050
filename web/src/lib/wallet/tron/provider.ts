import { tronAddress } from "@aiforge/contracts";
import { type Address, numberToHex } from "viem";
import { causesOf } from "../errors.ts";
import type { TronProvider, TronWallet, WalletTronWeb } from "./types.ts";

/** The wallet's tronweb may come a moment after its account. */
const READY_MS = 2000;
const LOOK_EVERY_MS = 50;

/** @throws Error where only the wallet itself can change the account */
export const switchInWallet = (): never => {
  throw new Error("Switch the account in the wallet itself.");
};

/** The chain of a wallet's node, by its first block. */
async function chainOf(tronWeb: WalletTronWeb): Promise<number | null> {
  const block = await tronWeb.trx.getBlockByNumber(0).catch(() => null);
  const end = /[0-9a-f]{8}$/i.exec(block?.blockID ?? "")?.[0];
  return end === undefined ? null : Number.parseInt(end, 16);
}

/** A wallet that speaks TIP-1193 and is not TronLink, which has a library of its own. */
export function providerWallet(provider: TronProvider, onChange: () => void): TronWallet {
  let connected = false;
  const address = (): Address | null => {
    const base58 = provider.tronWeb ? provider.tronWeb.defaultAddress?.base58 : null;
    return connected && base58 ? tronAddress(base58) : null;
  };
  const tronWeb = (): WalletTronWeb => {
    if (!connected || !provider.tronWeb) throw new Error("The wallet is not connected.");
    return provider.tronWeb;
  };
  const changed = () => {
    if (address() === null) connected = false;
    onChange();
  };
  const listen = (on: "on" | "removeListener") => {
    for (const event of ["accountsChanged", "disconnect"]) provider[on]?.(event, changed);
  };
  const start = async (): Promise<Address | null> => {
    connected = true;
    for (let waited = 0; address() === null && waited < READY_MS; waited += LOOK_EVERY_MS) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    connected = address() !== null;
    if (connected) listen("on");
    return address();
  };
  return {
    get address() {
      return address();
    },
    async connect() {
      const accounts = await provider.request({ method: "eth_requestAccounts" });
      const found = Array.isArray(accounts) && accounts.length > 0 ? await start() : null;
      if (!found) throw new Error("The wallet is locked, or it has no account.");
      return found;
    },
    async resume() {
      const accounts = await provider.request({ method: "eth_accounts" }).catch(() => []);
      return Array.isArray(accounts) && accounts.length > 0 ? start() : null;
    },
    async disconnect() {
      listen("removeListener");
      connected = false;
      await provider.request({ method: "wallet_revokePermissions" }).catch(() => null);
    },
    async switchAccount() {
      const method = "wallet_requestPermissions";
      await provider.request({ method, params: [{ eth_accounts: {} }] }).catch((error: unknown) => {
        const declined = [...causesOf(error)].some((link) => (link as { code?: unknown }).code === 4001);
        if (declined) throw error;
        switchInWallet();
      });
    },
    chainId: async () => chainOf(tronWeb()),
    async switchChain(chainId) {
      const params = [{ chainId: numberToHex(chainId) }];
      await provider.request({ method: "wallet_switchEthereumChain", params });
    },
    signMessage: async (text) => tronWeb().trx.signMessageV2(text),
    signTransaction: async (transaction) => tronWeb().trx.sign(transaction),
  };
}

import { tronAddress } from "@aiforge/contracts";
import { TronLinkAdapter } from "@tronweb3/tronwallet-adapter-tronlink";
import { numberToHex } from "viem";
import { switchInWallet } from "./provider.ts";
import type { SignedTronTransaction, TronWallet } from "./types.ts";

/** It is opened only once the wallet was found, so it need not be waited for. */
const CHECK_MS = 1000;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** TronLink, by its own library, which speaks TIP-1193 and what came before it. */
export function openTronLink(onChange: () => void): TronWallet {
  const adapter = new TronLinkAdapter({
    checkTimeout: CHECK_MS,
    openUrlWhenWalletNotFound: false,
    openAppWithDeeplink: false,
  });
  const address = () => (adapter.connected && adapter.address ? tronAddress(adapter.address) : null);
  const found = () =>
    new Promise<void>((resolve) => {
      if (adapter.readyState !== "Loading") resolve();
      else adapter.once("readyStateChanged", () => resolve());
    });
  const accountComes = () => new Promise<void>((resolve) => adapter.once("accountsChanged", () => resolve()));
  adapter.on("accountsChanged", onChange);
  adapter.on("disconnect", onChange);
  // Each of its errors is thrown as well; without a listener it would be thrown once more, at nobody.
  adapter.on("error", () => {});
  return {
    get address() {
      return address();
    },
    async connect() {
      await found();
      await adapter.connect();
      const connected = address();
      if (!connected) throw new Error("The wallet is locked, or it has no account.");
      return connected;
    },
    async resume() {
      await found();
      // A site that it lets in has the account a moment after the page.
      if (!address()) await Promise.race([accountComes(), wait(CHECK_MS)]);
      return address();
    },
    disconnect: () => adapter.disconnect(),
    switchAccount: async () => switchInWallet(),
    chainId: async () => {
      const network = await adapter.network().catch(() => null);
      const id = Number.parseInt(network?.chainId ?? "", 16);
      return Number.isNaN(id) ? null : id;
    },
    switchChain: (chainId) => adapter.switchChain(numberToHex(chainId)),
    signMessage: (text) => adapter.signMessage(text),
    signTransaction: async (transaction) =>
      (await adapter.signTransaction(transaction as never)) as unknown as SignedTronTransaction,
  };
}

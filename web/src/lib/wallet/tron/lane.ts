import { tronTransport } from "@aiforge/contracts/tron";
import { type Address, createPublicClient, type Hex, type PublicClient } from "viem";
import type { Chain } from "../../api/types.ts";
import type { DemoPrompt } from "../demoWallet.ts";
import type { Connected, WalletChoice } from "../engine.ts";
import type { TransactWallet } from "../transact.ts";
import { tronAccount } from "./account.ts";
import { confirmOnTron } from "./confirm.ts";
import { discover } from "./discover.ts";
import type { TronChoice, TronTransaction, TronWallet } from "./types.ts";

const STORAGE_KEY = "aiforge.tron-wallet";
const LOCAL_POLL_MS = 500;
const POLL_MS = 3000;

export interface TronLaneParameters {
  /** The chains whose namespace is tron; the first is the one that is paid on. */
  chains: readonly [Chain, ...Chain[]];
  ask: (prompt: DemoPrompt) => Promise<Address | null>;
  onConnection: () => void;
  onChoices: (choices: WalletChoice[]) => void;
}

/** Everything about Tron's wallets, loaded only where the service has a Tron chain. */
export async function startTronLane({ chains, ask, onConnection, onChoices }: TronLaneParameters) {
  let choices: TronChoice[] = [];
  let current: { choice: TronChoice; wallet: TronWallet } | null = null;
  const sent = new Map<Hex, TronTransaction>();
  const clients = new Map<number, PublicClient>();

  const demo = chains.find((chain) => chain.demo);
  if (demo) {
    const { announceTronDemoWallet, createTronDemoWallet } = await import("./demo.ts");
    announceTronDemoWallet(createTronDemoWallet({ chain: demo, ask, storage: localStorage }));
  }
  discover(window, (found) => {
    choices = found;
    onChoices(found.map(({ id, name, icon }) => ({ id, name, icon })));
  });

  /** The wallet took its account back, or has another one. */
  const changed = () => {
    if (current && !current.wallet.address) forget();
    onConnection();
  };
  const forget = () => {
    current = null;
    localStorage.removeItem(STORAGE_KEY);
  };

  const remembered = choices.find(({ id }) => id === localStorage.getItem(STORAGE_KEY));
  if (remembered) {
    const wallet = await remembered.open(changed);
    if (await wallet.resume().catch(() => null)) current = { choice: remembered, wallet };
  }

  const connectedWallet = (): TronWallet => {
    if (!current) throw new Error("The wallet is not connected.");
    return current.wallet;
  };

  const lane = {
    has: (id: string) => choices.some((choice) => choice.id === id),
    get connected(): Connected | null {
      const address = current?.wallet.address;
      if (!current || !address) return null;
      const { id, name } = current.choice;
      return { address, namespace: "tron", walletId: id, walletName: name };
    },
    async connect(id: string): Promise<Address> {
      const choice = choices.find((one) => one.id === id);
      if (!choice) throw new Error("This wallet is no longer there.");
      await lane.disconnect();
      const wallet = await choice.open(changed);
      const address = await wallet.connect();
      current = { choice, wallet };
      localStorage.setItem(STORAGE_KEY, id);
      onConnection();
      return address;
    },
    async disconnect(): Promise<void> {
      const wallet = current?.wallet;
      forget();
      await wallet?.disconnect();
      if (wallet) onConnection();
    },
    switchAccount: () => connectedWallet().switchAccount(),
    signMessage: async (text: string) => (await connectedWallet().signMessage(text)) as Hex,
    publicClient(chain: Chain): PublicClient {
      const known = clients.get(chain.chainId);
      if (known) return known;
      const transport = tronTransport(new URL(chain.rpcUrl, location.origin).href);
      const pollingInterval = chain.demo ? LOCAL_POLL_MS : POLL_MS;
      const client: PublicClient = createPublicClient({ transport, pollingInterval });
      clients.set(chain.chainId, client);
      return client;
    },
    account(chain: Chain): TransactWallet {
      const wallet = connectedWallet();
      const { address } = wallet;
      if (!address) throw new Error("The wallet is not connected.");
      const onSent = (hash: Hex, transaction: TronTransaction) => void sent.set(hash, transaction);
      return tronAccount({ wallet, address, chain, publicClient: lane.publicClient(chain), onSent });
    },
    confirm: confirmOnTron((hash) => sent.get(hash) ?? null),
  };
  return lane;
}

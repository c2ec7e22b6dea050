import { usdtAbi } from "@aiforge/contracts";
import type { Address, Hex, PublicClient } from "viem";
import type { Chain } from "../api/types.ts";
import type { DemoPrompt } from "./demoWallet.ts";
import { startEvmLane } from "./evm.ts";
import { isTron, type Namespace } from "./names.ts";
import { confirm, type TransactWallet } from "./transact.ts";

export interface WalletChoice {
  id: string;
  name: string;
  icon: string | null;
}

export interface Connected {
  address: Address | null;
  /** Which kind of chain the wallet is for. */
  namespace: Namespace | null;
  walletId: string | null;
  walletName: string | null;
}

export const NOT_CONNECTED: Connected = { address: null, namespace: null, walletId: null, walletName: null };

/**
 * Everything that needs viem and wagmi, loaded after the page is there. One per page. It has a lane for each kind of
 * chain; at most one wallet is connected.
 */
export async function startWalletEngine(parameters: {
  chains: readonly Chain[];
  ask: (prompt: DemoPrompt) => Promise<Address | null>;
  onConnection: (connected: Connected) => void;
  onChoices: (choices: WalletChoice[]) => void;
}) {
  const { chains, ask } = parameters;
  if (!chains.length) throw new Error("The service has no chain.");
  const choices = { evm: [] as WalletChoice[], tron: [] as WalletChoice[] };
  const tellChoices = (lane: keyof typeof choices) => (found: WalletChoice[]) => {
    choices[lane] = found;
    parameters.onChoices([...choices.evm, ...choices.tron]);
  };
  let ready = false;
  const tellConnection = () => {
    if (ready) parameters.onConnection(tron?.connected ?? evm?.connected ?? NOT_CONNECTED);
  };

  const [firstEvm, ...otherEvm] = chains.filter(({ chain }) => !isTron(chain));
  const [firstTron, ...otherTron] = chains.filter(({ chain }) => isTron(chain));
  const [evm, tron] = await Promise.all([
    firstEvm
      ? startEvmLane({
          chains: [firstEvm, ...otherEvm],
          ask,
          onConnection: tellConnection,
          onChoices: tellChoices("evm"),
        })
      : null,
    firstTron
      ? import("./tron/lane.ts").then(({ startTronLane }) =>
          startTronLane({
            chains: [firstTron, ...otherTron],
            ask,
            onConnection: tellConnection,
            onChoices: tellChoices("tron"),
          }),
        )
      : null,
  ]);
  ready = true;
  tellConnection();

  const lane = () => {
    const used = tron?.connected ? tron : evm;
    if (!used) throw new Error("The wallet is not connected.");
    return used;
  };
  const ethereum = () => {
    if (!evm || tron?.connected) throw new Error("Only a wallet of an Ethereum network can do this.");
    return evm;
  };
  const chainOf = (chainId: number): Chain => {
    const chain = chains.find((one) => one.chainId === chainId);
    if (!chain) throw new Error("This page does not know that network.");
    return chain;
  };
  const publicClient = (chainId: number): PublicClient => {
    const chain = chainOf(chainId);
    const used = isTron(chain.chain) ? tron : evm;
    if (!used) throw new Error("This page does not know that network.");
    return used.publicClient(chain);
  };
  const readUsdt = (chain: Chain, functionName: "balanceOf" | "allowance", args: readonly Address[]) =>
    publicClient(chain.chainId).readContract({
      address: chain.usdt,
      abi: usdtAbi,
      functionName,
      args: args as never,
    });

  return {
    /** Connects a wallet and lets go of the one before. */
    async connect(id: string): Promise<Address> {
      if (tron?.has(id)) {
        const address = await tron.connect(id);
        await evm?.disconnect();
        return address;
      }
      if (!evm) throw new Error("This wallet is no longer there.");
      const address = await evm.connect(id);
      await tron?.disconnect();
      return address;
    },
    async disconnect(): Promise<void> {
      await Promise.all([evm?.disconnect(), tron?.disconnect()]);
    },
    /** Asks the connected wallet to offer its accounts again. */
    switchAccount: () => lane().switchAccount(),
    signMessage: (message: string): Promise<Hex> => lane().signMessage(message),
    signTypedData: (...args: Parameters<ReturnType<typeof ethereum>["signTypedData"]>) =>
      ethereum().signTypedData(...args),
    /** Whether the wallet does several calls as one. */
    batches: async (chainId: number): Promise<boolean> =>
      !isTron(chainOf(chainId).chain) && ethereum().batches(chainId),
    sendCalls: (...args: Parameters<ReturnType<typeof ethereum>["sendCalls"]>) =>
      ethereum().sendCalls(...args),
    publicClient,
    async walletClient(chainId: number): Promise<TransactWallet> {
      const chain = chainOf(chainId);
      if (!isTron(chain.chain)) return ethereum().walletClient(chainId);
      if (!tron) throw new Error("This page does not know that network.");
      return tron.account(chain);
    },
    /** The network's fee for these calls in a row; null where the wallet itself tells it. */
    async forecastFee(chainId: number, calls: readonly { to: Address; data: Hex }[]) {
      const chain = chainOf(chainId);
      if (!isTron(chain.chain) || !tron?.connected) return null;
      return (await tron.account(chain).forecastFee?.(calls)) ?? null;
    },
    /** How a transaction is followed until it counts. */
    confirmOn: (chainId: number): typeof confirm =>
      isTron(chainOf(chainId).chain) && tron ? tron.confirm : confirm,
    /** Between two looks at the chain, in milliseconds. */
    pollingOf(chainId: number): number {
      const { chain, demo } = chainOf(chainId);
      if (isTron(chain)) return demo ? 500 : 3000;
      return demo ? 400 : 4000;
    },
    usdtBalance: (chain: Chain, owner: Address): Promise<bigint> => readUsdt(chain, "balanceOf", [owner]),
    allowance: (chain: Chain, owner: Address, spender: Address): Promise<bigint> =>
      readUsdt(chain, "allowance", [owner, spender]),
  };
}

export type WalletEngine = Awaited<ReturnType<typeof startWalletEngine>>;

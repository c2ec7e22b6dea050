import {
  type Config,
  connect,
  createConfig,
  createStorage,
  disconnect,
  getCapabilities,
  getConnection,
  getWalletClient,
  reconnect,
  sendCalls,
  signMessage,
  signTypedData,
  waitForCallsStatus,
  watchConnection,
  watchConnectors,
} from "@wagmi/core";
import {
  type Address,
  createPublicClient,
  defineChain,
  type Hex,
  http,
  type PublicClient,
  type TypedDataDefinition,
  type WalletClient,
} from "viem";
import type { Chain } from "../api/types.ts";
import { BatchRefusedError, outcomeOf, refusesBatch } from "./batch.ts";
import { announceDemoWallet, createDemoWallet, type DemoPrompt } from "./demoWallet.ts";
import type { Connected, WalletChoice } from "./engine.ts";

/** Everything about the wallets of Ethereum networks. */
export async function startEvmLane(parameters: {
  chains: readonly [Chain, ...Chain[]];
  ask: (prompt: DemoPrompt) => Promise<Address | null>;
  onConnection: () => void;
  onChoices: (choices: WalletChoice[]) => void;
}) {
  const { chains, ask, onConnection, onChoices } = parameters;
  const define = (chain: Chain) =>
    defineChain({
      id: chain.chainId,
      name: chain.name,
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      rpcUrls: { default: { http: [absolute(chain.rpcUrl)] } },
      ...(chain.explorer ? { blockExplorers: { default: { name: "Explorer", url: chain.explorer } } } : {}),
    });
  const [first, ...rest] = chains;
  const viemChains = [define(first), ...rest.map(define)] as const;

  const demo = chains.find((chain) => chain.demo && chain.chainId === 31337);
  if (demo) {
    announceDemoWallet(
      createDemoWallet({ rpcUrl: absolute(demo.rpcUrl), contracts: demo, ask, storage: localStorage }),
    );
  }

  const publicClients = new Map<number, PublicClient>(
    viemChains.map((chain) => [
      chain.id,
      createPublicClient({ chain, transport: http(), pollingInterval: chain.id === 31337 ? 500 : 4000 }),
    ]),
  );
  const config: Config = createConfig({
    chains: viemChains,
    transports: Object.fromEntries(
      viemChains.map((chain) => [chain.id, http(absolute(chain.rpcUrls.default.http[0]))]),
    ),
    storage: createStorage({ key: "aiforge.wallet", storage: localStorage }),
  });

  const tellChoices = () => {
    const unique = new Map(config.connectors.map((connector) => [connector.id, connector]));
    onChoices([...unique.values()].map(({ id, name, icon }) => ({ id, name, icon: icon ?? null })));
  };
  watchConnectors(config, { onChange: tellChoices });
  watchConnection(config, { onChange: onConnection });
  tellChoices();
  await reconnect(config).catch(() => []);

  const connectorOf = (id: string) => {
    const connector = config.connectors.find((candidate) => candidate.id === id);
    if (!connector) throw new Error("This wallet is no longer there.");
    return connector;
  };

  return {
    get connected(): Connected | null {
      const { address, connector } = getConnection(config);
      if (!address || !connector) return null;
      return { address, namespace: "eip155", walletId: connector.id, walletName: connector.name };
    },
    async connect(id: string): Promise<Address> {
      const { connector: current } = getConnection(config);
      if (current) await disconnect(config);
      const { accounts } = await connect(config, { connector: connectorOf(id) });
      return accounts[0];
    },
    disconnect: () => disconnect(config),
    /** Asks the connected wallet to offer its accounts again. */
    async switchAccount(): Promise<void> {
      const { connector } = getConnection(config);
      const provider = (await connector?.getProvider()) as
        | { request(args: unknown): Promise<unknown> }
        | undefined;
      await provider?.request({ method: "wallet_requestPermissions", params: [{ eth_accounts: {} }] });
    },
    signMessage: (message: string) => signMessage(config, { message }),
    /** EIP-712. The data come from the service and are checked by whoever asks. */
    signTypedData: (data: TypedDataDefinition): Promise<Hex> => signTypedData(config, data as never),
    /** Whether the wallet does several calls as one (EIP-5792); one that does not know the question does not. */
    async batches(chainId: number): Promise<boolean> {
      const { connector } = getConnection(config);
      const capabilities = await getCapabilities(config, { connector, chainId }).catch(() => null);
      const atomic = (capabilities as { atomic?: { status?: string } } | null)?.atomic?.status;
      return atomic === "supported" || atomic === "ready";
    },
    /**
     * Sends calls as one and waits until they are mined.
     * @param onSent called once the wallet has taken them
     * @returns the transaction that they ended up in
     * @throws {BatchRefusedError} the wallet does not do several at once after all; nothing was sent
     * @throws {TransactError} they were sent, and not all of them happened, or the wallet does not say
     */
    async sendCalls(
      chainId: number,
      calls: readonly { to: Address; data: Hex }[],
      onSent: () => void,
    ): Promise<Hex> {
      const { connector } = getConnection(config);
      const batch = { connector, chainId: chainId as never, calls, forceAtomic: true };
      const { id } = await sendCalls(config, batch).catch((error) => {
        throw refusesBatch(error) ? new BatchRefusedError() : error;
      });
      onSent();
      return outcomeOf(await waitForCallsStatus(config, { connector, id, timeout: 0 }).catch(() => null));
    },
    publicClient({ chainId }: Chain): PublicClient {
      const client = publicClients.get(chainId);
      if (!client) throw new Error("This page does not know that network.");
      return client;
    },
    walletClient: (chainId: number) =>
      getWalletClient(config, { chainId }).catch(() => getWalletClient(config)) as Promise<WalletClient>,
  };
}

function absolute(url: string): string {
  return new URL(url, location.origin).href;
}

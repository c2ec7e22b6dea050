import { usdtAbi } from "@aiforge/contracts";
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

export interface WalletChoice {
  id: string;
  name: string;
  icon: string | null;
}

export interface Connected {
  address: Address | null;
  chainId: number | null;
  walletId: string | null;
  walletName: string | null;
}

const DEMO_RDNS = "network.aiforge.demo";

/** Everything that needs viem and wagmi, loaded after the page is there. One per page. */
export async function startWalletEngine(parameters: {
  chains: readonly Chain[];
  ask: (prompt: DemoPrompt) => Promise<Address | null>;
  onConnection: (connected: Connected) => void;
  onChoices: (choices: WalletChoice[]) => void;
}) {
  const { chains, ask, onConnection, onChoices } = parameters;
  const viemChains = chains.map((chain) =>
    defineChain({
      id: chain.chainId,
      name: chain.name,
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      rpcUrls: { default: { http: [absolute(chain.rpcUrl)] } },
      ...(chain.explorer ? { blockExplorers: { default: { name: "Explorer", url: chain.explorer } } } : {}),
    }),
  );
  const [first, ...rest] = viemChains;
  if (!first) throw new Error("The service has no chain.");

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
    chains: [first, ...rest],
    transports: Object.fromEntries(
      viemChains.map((chain) => [chain.id, http(absolute(chain.rpcUrls.default.http[0]))]),
    ),
    storage: createStorage({ key: "aiforge.wallet", storage: localStorage }),
  });

  const tellChoices = () => {
    const unique = new Map(config.connectors.map((connector) => [connector.id, connector]));
    onChoices([...unique.values()].map(({ id, name, icon }) => ({ id, name, icon: icon ?? null })));
  };
  const tellConnection = () => {
    const { address, chainId, connector } = getConnection(config);
    onConnection({
      address: address ?? null,
      chainId: chainId ?? null,
      walletId: connector?.id ?? null,
      walletName: connector?.name ?? null,
    });
  };
  watchConnectors(config, { onChange: tellChoices });
  watchConnection(config, { onChange: tellConnection });
  tellChoices();
  await reconnect(config).catch(() => []);
  tellConnection();

  const connectorOf = (id: string) => {
    const connector = config.connectors.find((candidate) => candidate.id === id);
    if (!connector) throw new Error("This wallet is no longer there.");
    return connector;
  };

  return {
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
    publicClient(chainId: number): PublicClient {
      const client = publicClients.get(chainId);
      if (!client) throw new Error("This page does not know that network.");
      return client;
    },
    walletClient: (chainId: number) =>
      getWalletClient(config, { chainId }).catch(() => getWalletClient(config)) as Promise<WalletClient>,
    usdtBalance: (chain: Chain, owner: Address): Promise<bigint> =>
      read(publicClients, chain).readContract({
        address: chain.usdt,
        abi: usdtAbi,
        functionName: "balanceOf",
        args: [owner],
      }),
    allowance: (chain: Chain, owner: Address, spender: Address): Promise<bigint> =>
      read(publicClients, chain).readContract({
        address: chain.usdt,
        abi: usdtAbi,
        functionName: "allowance",
        args: [owner, spender],
      }),
    isDemo: (id: string | null) => id === DEMO_RDNS,
  };
}

export type WalletEngine = Awaited<ReturnType<typeof startWalletEngine>>;

function read(clients: Map<number, PublicClient>, chain: Chain): PublicClient {
  const client = clients.get(chain.chainId);
  if (!client) throw new Error("This page does not know that network.");
  return client;
}

function absolute(url: string): string {
  return new URL(url, location.origin).href;
}

import { showTronAddress } from "@aiforge/contracts";
import { broadcastTron, buildTronCall, estimateTronFee, tronTransport } from "@aiforge/contracts/tron";
import {
  type Address,
  createPublicClient,
  createWalletClient,
  defineChain,
  formatEther,
  formatUnits,
  type Hex,
  http,
  type LocalAccount,
  type PublicClient,
  type TransactionReceipt,
} from "viem";
import { MinerError } from "./errors.ts";
import { isTron } from "./own-chains.ts";

export interface ChainPlace {
  /** CAIP-2. */
  chain: string;
  chainId: number;
  name: string;
  /** Of a node: its JSON-RPC, or on Tron its HTTP API. */
  url: string;
  /** Sent along to a Tron node. */
  headers?: Record<string, string>;
  /** Whether it is the operator's own. What others say of fees is believed up to a bound. */
  own: boolean;
}

/** A chain as the node's own wallet uses it, of whichever kind it is. On Tron gas is energy. */
export interface ChainNode {
  reader: PublicClient;
  /** What fees are paid in. */
  coin: string;
  /** An amount of it for people. */
  formatCoin: (amount: bigint) => string;
  /** What one gas costs at most now, in its smallest unit. */
  gasPrice: () => Promise<bigint>;
  /**
   * Signs a call and sends it.
   * @throws viem's errors, and MinerError when the wallet cannot do that here, or when it would be allowed to cost
   * more than anybody but the operator's own node is believed
   */
  send: (account: LocalAccount, call: { to: Address; data: Hex }) => Promise<Hex>;
  /** Waits until a transaction is in a block. */
  included: (hash: Hex) => Promise<TransactionReceipt>;
}

const TIMEOUT_MS = 20_000;
const INCLUDED_MS = 300_000;
/** A transaction on Tron expires after a minute. */
const TRON_INCLUDED_MS = 120_000;
const SUN_DECIMALS = 6;
/**
 * The most that a transaction may be allowed to cost when only the platform says what is due, since whoever answers
 * for a node could name any price. Sun: what a result or a withdrawal takes is far below, also when energy was dearest.
 */
const MOST_SUN = 300_000_000n;
/** The same for an EVM chain, in wei: gas times its highest price. A result takes some 100,000 gas. */
const MOST_WEI = 30_000_000_000_000_000n;

export const openChain = (place: ChainPlace): ChainNode =>
  isTron(place.chain) ? openTron(place) : openEvm(place);

function openEvm(place: ChainPlace): ChainNode {
  const { chainId, name, url, own } = place;
  const chain = defineChain({
    id: chainId,
    name,
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  });
  const transport = http(url, { timeout: TIMEOUT_MS, retryCount: 2 });
  const reader = createPublicClient({ chain, transport, pollingInterval: 500 });
  return {
    reader,
    coin: "ETH",
    formatCoin: formatEther,
    gasPrice: async () => (await reader.estimateFeesPerGas()).maxFeePerGas ?? 0n,
    send: async (account, call) => {
      const wallet = createWalletClient({ account, chain, transport });
      const request = await wallet.prepareTransactionRequest(call);
      const { gas, maxFeePerGas = 0n, gasPrice = 0n } = request;
      const dear = [maxFeePerGas, gasPrice].map((price) => gas * price).find((cost) => cost > MOST_WEI);
      // Prices rise and fall, so later it may be less.
      if (!own && dear)
        throw tooDear(place, `${formatEther(dear)} ETH`, formatEther(MOST_WEI), { retryable: true });
      // A node may fill in another chain's id, too. Nothing is asked again now: all that is signed is in it.
      return wallet.sendTransaction({ ...request, chainId });
    },
    included: (hash) => reader.waitForTransactionReceipt({ hash, timeout: INCLUDED_MS }),
  };
}

function openTron(place: ChainPlace): ChainNode {
  const { chainId, name, url, headers = {}, own } = place;
  const transport = tronTransport(url, { headers, timeoutMs: TIMEOUT_MS, retryCount: 2 });
  const client = createPublicClient({ transport, pollingInterval: 1_000 });
  return {
    reader: client,
    coin: "TRX",
    formatCoin: showSun,
    gasPrice: () => client.getGasPrice(),
    send: async (account, { to, data }) => {
      if (!account.sign) throw signsNoTron();
      const found = await client.getChainId();
      if (found !== chainId)
        throw new MinerError(
          `The node at ${new URL(url).origin} is of another Tron (tron:0x${found.toString(16)}) than ${name}.`,
          {
            hint: "Give a node of the right chain with --rpc-url.",
          },
        );
      const call = { client, from: account.address, to, data };
      const [fee, balance] = await Promise.all([
        estimateTronFee(call),
        client.getBalance({ address: account.address }),
      ]);
      if (!own && fee.feeLimitSun > MOST_SUN)
        throw tooDear(place, `${showSun(fee.feeLimitSun)} TRX`, showSun(MOST_SUN));
      // It would run out of energy, and cost all there is.
      if (balance < fee.feeSun)
        throw new MinerError(
          `The wallet ${showTronAddress(account.address)} cannot pay the energy: that takes ${showSun(fee.feeSun)} TRX.`,
          { hint: "Send it some TRX.", retryable: true },
        );
      const built = await buildTronCall({ ...call, feeLimit: fee.feeLimitSun });
      const signature = await account.sign({ hash: `0x${built.txID}` });
      return broadcastTron(client, { ...built, signature: [signature.slice(2)] });
    },
    // Nothing replaces a transaction on Tron.
    included: (hash) =>
      client.waitForTransactionReceipt({ hash, timeout: TRON_INCLUDED_MS, checkReplacement: false }),
  };
}

const showSun = (sun: bigint): string => formatUnits(sun, SUN_DECIMALS);

const tooDear = ({ chain, name }: ChainPlace, cost: string, most: string, options = {}): MinerError =>
  new MinerError(
    `Nothing was sent: a transaction on ${name} would be allowed ${cost} by what the platform says, and ${most} is the most that it is believed.`,
    { hint: `Ask a node of your own: --rpc-url ${chain}=ADDRESS.`, ...options },
  );

/** What signers offer is Ethereum's: none of it signs the hash of a Tron transaction. */
export const signsNoTron = (): MinerError =>
  new MinerError("An external signer cannot sign for Tron.", {
    hint: "Give a node that is paid on Tron a key file (--key-file) instead of --signer-url. Credit is not lost: whoever has the wallet's key can withdraw it, now or later.",
  });

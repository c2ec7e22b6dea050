import type { Address } from "viem";
import { api, type Chain } from "../api/index.ts";
import type { DemoPrompt } from "./demoWallet.ts";
import type { Connected, WalletChoice, WalletEngine } from "./engine.ts";
import { isTron } from "./names.ts";

/** A demo wallet's question on screen, and how to answer it. */
export interface OpenPrompt {
  prompt: DemoPrompt;
  answer: (address: Address | null) => void;
}

/** The browser's wallet as pages see it. Its machinery is loaded on {@link start}, after the first paint. */
class WalletState {
  chains = $state.raw<Chain[]>([]);
  choices = $state.raw<WalletChoice[]>([]);
  connected = $state.raw<Connected>({ address: null, namespace: null, walletId: null, walletName: null });
  /** Micro-USDT of the connected wallet on {@link chain}; null while unknown. */
  balance = $state.raw<bigint | null>(null);
  status = $state<"starting" | "ready" | "unavailable">("starting");
  prompts = $state.raw<OpenPrompt[]>([]);
  /** Whether the dialog that offers wallets is open. */
  choosing = $state(false);
  #engine: Promise<WalletEngine> | null = null;

  /** The chain that new payments are made on: the first that the connected wallet is for. */
  get chain(): Chain | null {
    const { namespace } = this.connected;
    return (
      this.chains.find(({ chain }) => namespace === null || isTron(chain) === (namespace === "tron")) ?? null
    );
  }
  get address(): Address | null {
    return this.connected.address;
  }

  start(): Promise<WalletEngine> {
    this.#engine ??= this.#start().catch((error) => {
      this.status = "unavailable";
      this.#engine = null;
      throw error;
    });
    return this.#engine;
  }

  async #start(): Promise<WalletEngine> {
    this.status = "starting";
    const [chains, { startWalletEngine }] = await Promise.all([api.chains(), import("./engine.ts")]);
    this.chains = chains;
    const engine = await startWalletEngine({
      chains,
      ask: (prompt) => this.#ask(prompt),
      onChoices: (choices) => {
        this.choices = choices;
      },
      onConnection: (connected) => {
        this.connected = connected;
        this.balance = null;
        void this.refreshBalance();
      },
    });
    this.status = "ready";
    void this.refreshBalance();
    return engine;
  }

  #ask(prompt: DemoPrompt): Promise<Address | null> {
    return new Promise((resolve) => {
      const open: OpenPrompt = {
        prompt,
        answer: (address) => {
          this.prompts = this.prompts.filter((other) => other !== open);
          resolve(address);
        },
      };
      this.prompts = [...this.prompts, open];
    });
  }

  async connect(id: string): Promise<Address> {
    return (await this.start()).connect(id);
  }
  async disconnect(): Promise<void> {
    await (await this.start()).disconnect();
  }
  async switchAccount(): Promise<void> {
    await (await this.start()).switchAccount();
  }
  async signMessage(message: string): Promise<`0x${string}`> {
    return (await this.start()).signMessage(message);
  }

  async refreshBalance(): Promise<void> {
    const { chain, address } = this;
    if (!chain || !address || !this.#engine) return;
    const engine = await this.#engine;
    const balance = await engine.usdtBalance(chain, address).catch(() => null);
    if (this.address === address) this.balance = balance;
  }

  /** Test money for the connected wallet; on the local chain only. */
  async drip(): Promise<void> {
    const { chain, address } = this;
    if (!chain?.demo || !address) throw new Error("Connect a wallet on the local chain first.");
    if (isTron(chain.chain)) {
      const { dripTron } = await import("./tron/faucet.ts");
      await dripTron({ url: new URL(chain.rpcUrl, location.origin).href, usdt: chain.usdt, to: address });
      await this.refreshBalance();
      return;
    }
    const { drip } = await import("./faucet.ts");
    await drip({ rpcUrl: new URL(chain.rpcUrl, location.origin).href, usdt: chain.usdt, to: address });
    await this.refreshBalance();
  }
}

export const wallet = new WalletState();

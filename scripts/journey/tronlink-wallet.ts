import {
  aiforgeAbi,
  demoAccount,
  monthOf,
  monthStart,
  monthText,
  showTronAddress,
  tronAddress,
  usdtAbi,
} from "@aiforge/contracts";
import type { BrowserContext } from "playwright-core";
import { TronWeb } from "tronweb";
import { type Address, encodeFunctionData, type Hex } from "viem";
import { generatePrivateKey } from "viem/accounts";

interface Asked {
  method: string;
  params: readonly unknown[];
}
type Refusal = { code: number; message: string };

const TRX = 1_000_000;
const FEE_LIMIT = 100 * TRX;
/** Slots that the local Tron lets be missed at once: each is a second of it. */
const MOST_MISSED = 100_000;
/** Enough blocks that those before are solid, also after missed slots. */
const SOLID_LAG = 27;
/** What wallets say of Tron's main network. */
const MAIN_NET_BLOCK = `${"0".repeat(16)}1ebf88508a03865c71d452e25f4d51194196a1d22b6653dc`;

/** What a page needs of the local Tron, from outside of the browser: unmodified tronweb. */
export class TronSide {
  readonly url: string;
  readonly usdt: Address;
  readonly aiforge: Address;
  /** @param contracts as the API names them */
  constructor(url: string, contracts: Record<"usdt" | "aiforge", Address>) {
    this.url = url;
    this.usdt = contracts.usdt;
    this.aiforge = contracts.aiforge;
  }

  async #control(path: string, body: object): Promise<void> {
    const answer = await fetch(`${this.url}/devnet/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  }
  /** Makes blocks at once. */
  mine(blocks: number): Promise<void> {
    return this.#control("mine", { blocks });
  }
  /** Gives an address TRX. */
  fund(address: Address, trx: number): Promise<void> {
    return this.#control("fund", { address: showTronAddress(address), sun: trx * TRX });
  }
  tronWeb(privateKey: string): TronWeb {
    return new TronWeb({ fullHost: this.url, privateKey: privateKey.replace(/^0x/, "") });
  }

  /**
   * Sends USDT of the faucet's wallet, as from an exchange: nobody has linked it.
   * @param amount in micro-USDT
   * @returns the transaction's id
   */
  transfer(to: Address, amount: bigint): Promise<string> {
    return this.#send(this.usdt, "transfer(address,uint256)", to, amount);
  }

  /** Makes USDT of the faucet's wallet somebody's credit in the contract. @param amount in micro-USDT */
  async deposit(of: Address, amount: bigint): Promise<void> {
    await this.#send(this.usdt, "approve(address,uint256)", this.aiforge, amount);
    await this.mine(1);
    await this.#send(this.aiforge, "deposit(address,uint256)", of, amount);
    await this.mine(1);
  }

  /** @returns the month that is over then, as "2026-11" */
  async travelToNextMonth(): Promise<string> {
    const time = async () => {
      const block = await this.tronWeb(demoAccount("faucet").privateKey).trx.getCurrentBlock();
      return Math.floor(block.block_header.raw_data.timestamp / 1000);
    };
    const month = monthOf(BigInt(await time()));
    const next = Number(monthStart(month + 1));
    for (let left = next - (await time()); left >= 0; left = next - (await time()))
      await this.#control("mine", { missed: Math.min(left, MOST_MISSED) });
    await this.mine(SOLID_LAG);
    return monthText(month);
  }

  async #send(contract: Address, signature: string, to: Address, amount: bigint): Promise<string> {
    const faucet = this.tronWeb(demoAccount("faucet").privateKey);
    const { transaction } = await faucet.transactionBuilder.triggerSmartContract(
      showTronAddress(contract),
      signature,
      { txLocal: true, feeLimit: FEE_LIMIT },
      [
        { type: "address", value: showTronAddress(to) },
        { type: "uint256", value: String(amount) },
      ],
    );
    const sent = await faucet.trx.sendRawTransaction(await faucet.trx.sign(transaction));
    if (!sent.result) throw new Error(`${sent.code}: ${sent.message}`);
    return sent.txid;
  }

  /** In micro-USDT. */
  usdtOf(owner: Address): Promise<bigint> {
    const data = encodeFunctionData({ abi: usdtAbi, functionName: "balanceOf", args: [owner] });
    return this.#read(owner, this.usdt, data);
  }

  /** In micro-USDT. */
  creditOf(owner: Address): Promise<bigint> {
    const data = encodeFunctionData({ abi: aiforgeAbi, functionName: "creditOf", args: [owner] });
    return this.#read(owner, this.aiforge, data);
  }

  async #read(owner: Address, contract: Address, data: Hex): Promise<bigint> {
    const answer = await fetch(`${this.url}/wallet/triggerconstantcontract`, {
      method: "POST",
      body: JSON.stringify({
        owner_address: `41${owner.slice(2)}`,
        contract_address: `41${contract.slice(2)}`,
        data: data.slice(2),
      }),
    });
    const { constant_result } = (await answer.json()) as { constant_result: [string] };
    return BigInt(`0x${constant_result[0]}`);
  }
}

/**
 * A wallet as TronLink is in a page: announced by TIP-6963 under its name, TIP-1193, with a tronweb of its own once
 * an account is connected. Its key is outside of the page, where the real tronweb signs; its person says yes to
 * everything unless `answer` refuses it.
 */
export class TronLinkWallet {
  readonly address: Address;
  readonly base58: string;
  /** Its person's no to a request, by method; gone once it was given. */
  readonly answer = new Map<string, string>();
  /** What its person was asked to sign, by method. */
  asked: string[] = [];
  /** Whether its own node is of the main network. */
  elsewhere = false;
  readonly #tron: TronWeb;
  /** A page learns its account only once it has asked for it. */
  #connected = false;

  constructor(side: TronSide) {
    const key = generatePrivateKey();
    this.#tron = side.tronWeb(key);
    this.base58 = this.#tron.defaultAddress.base58 || "";
    this.address = tronAddress(this.base58);
  }

  /** Brings it into all pages that this browser opens from now on. */
  async install(context: BrowserContext): Promise<void> {
    await context.exposeFunction("askTronLink", async (asked: Asked) => {
      try {
        return { result: await this.#request(asked) };
      } catch (error) {
        if (typeof error === "string") return { declined: error };
        const { code = -32603, message } = error as Partial<Refusal> & Error;
        return { error: { code, message } };
      }
    });
    await context.addInitScript(announce, this.base58);
  }

  async #request({ method, params: [first] }: Asked): Promise<unknown> {
    switch (method) {
      case "eth_requestAccounts":
        this.#connected = true;
        return [this.base58];
      case "eth_accounts":
        return this.#connected ? [this.base58] : [];
      case "wallet_switchEthereumChain":
        throw Object.assign(new Error("The chain is not known."), { code: 4902 });
      case "getBlockByNumber":
        if (this.elsewhere) return { blockID: MAIN_NET_BLOCK };
        return this.#tron.trx.getBlockByNumber(Number(first));
      case "signMessageV2":
        this.#ask(method);
        return this.#tron.trx.signMessageV2(String(first));
      case "sign":
        this.#ask(method);
        return this.#tron.trx.sign(first as Parameters<TronWeb["trx"]["sign"]>[0]);
      default:
        throw Object.assign(new Error(`No ${method} here.`), { code: 4200 });
    }
  }

  /** @throws its person's no, which TronLink's tronweb throws as a text */
  #ask(method: string): void {
    this.asked.push(method);
    const no = this.answer.get(method);
    this.answer.delete(method);
    if (no) throw no;
  }
}

/** Runs in the page, before its scripts. */
function announce(base58: string): void {
  interface Answer {
    result?: unknown;
    declined?: string;
    error?: Refusal;
  }
  const page = globalThis as unknown as EventTarget & {
    askTronLink: (asked: unknown) => Promise<Answer>;
    tron: unknown;
  };
  const ask = async (method: string, params: unknown = []) => {
    const { result, declined, error } = await page.askTronLink({ method, params });
    if (declined !== undefined) throw declined;
    if (error) throw Object.assign(new Error(error.message), { code: error.code });
    return result;
  };
  const listeners = new Map<string, Set<(payload: unknown) => void>>();
  const trx = {
    sign: (transaction: unknown) => ask("sign", [transaction]),
    signMessageV2: (text: string) => ask("signMessageV2", [text]),
    getBlockByNumber: (number: number) => ask("getBlockByNumber", [number]),
  };
  const connected = { defaultAddress: { base58 }, trx };
  const provider = {
    isTronLink: true,
    tronWeb: false as false | typeof connected,
    async request({ method, params }: { method: string; params?: unknown }) {
      const result = await ask(method, params);
      if (method === "eth_requestAccounts") provider.tronWeb = connected;
      return result;
    },
    on(event: string, listener: (payload: unknown) => void) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener));
    },
    removeListener: (event: string, listener: (payload: unknown) => void) =>
      void listeners.get(event)?.delete(listener),
  };
  // A site that was let in before has the account again, a moment after the page.
  void ask("eth_accounts").then((accounts) => {
    if (!(accounts as unknown[]).length) return;
    provider.tronWeb = connected;
    for (const listener of listeners.get("accountsChanged") ?? []) listener([base58]);
  });
  const icon =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'%3E%3Cpath fill='%23135cd0' d='M0 0h1v1H0z'/%3E%3C/svg%3E";
  const info = {
    uuid: "5f3c6e6a-2b52-4f1e-8a43-7204ff6b4ba1",
    name: "TronLink",
    icon,
    rdns: "org.tronlink.www",
  };
  const detail = Object.freeze({ info, provider });
  const tell = () => page.dispatchEvent(new CustomEvent("TIP6963:announceProvider", { detail }));
  page.addEventListener("TIP6963:requestProvider", tell);
  page.tron = provider;
  tell();
}

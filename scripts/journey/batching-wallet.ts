import { demoAccount, usdtAbi } from "@aiforge/contracts";
import type { BrowserContext } from "playwright-core";
import {
  type Address,
  concat,
  createWalletClient,
  type Hex,
  hexToString,
  http,
  numberToHex,
  parseEther,
  size,
  type WalletClient,
} from "viem";
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { rpc } from "../supervisor/rpc.ts";
import { usdt, type World } from "./world.ts";

export const WALLET_NAME = "Batching wallet";
const BATCH_GAS = 1_000_000n;

/**
 * What the account's code is while it batches (EIP-7702). It takes calls from the account itself only, each as 20 bytes
 * of address, 32 of length, and the data; it makes them in turn, and when one reverts, so does all of it.
 */
const BATCHER: Hex = concat([
  "0x603e8060095f395ff3", // the constructor: the rest is the code
  "0x333014600957", // 00: only the account itself,
  "0x5f5ffd", // 06: or nothing
  "0x5b5f", // 09: offset = 0
  "0x5b803614603c57", // 0b: at the end of the data: done
  "0x80601401358082603401", // 12: length, and where the data begin,
  "0x5f37", // 1c: copied to memory
  "0x5f5f825f5f", // 1e: call with them, and with no value,
  "0x863560601c", // 23: the address
  "0x5af1603457", // 28: if it succeeds: the next one
  "0x3d5f5f3e3d5ffd", // 2d: else revert with its reason
  "0x5b01603401600b56", // 34: offset += 52 + length
  "0x5b00", // 3c: done
]);

interface Asked {
  method: string;
  params: readonly Record<string, unknown>[];
}
type Refusal = { code: number; message: string };

/**
 * A wallet of the kind that does several calls as one (EIP-5792), as an extension would bring it into a page: its keys
 * are outside of the page, and its person says yes to everything unless `answer` refuses it.
 */
export class BatchingWallet {
  readonly account: PrivateKeyAccount = privateKeyToAccount(generatePrivateKey());
  /** What it says of itself: does it, would after its person agreed to change the account, or cannot. */
  atomic: "supported" | "ready" | "unsupported" = "supported";
  /** Its person's no to a request, by method; gone once it was given. */
  readonly answer = new Map<string, Refusal>();
  /** What its person was asked to sign, by method. */
  asked: string[] = [];
  /** Runs between its person's yes to a batch and sending it. */
  beforeBatch: () => Promise<void> = async () => {};
  #world: World;
  #client: WalletClient;
  #batcher: Address | null = null;
  /** A page learns its account only once it has asked for it. */
  #connected = false;

  private constructor(world: World) {
    this.#world = world;
    this.#client = createWalletClient({
      account: this.account,
      chain: foundry,
      transport: http(world.place.rpcUrl),
    });
  }

  /** @param amount what it holds, in micro-USDT */
  static async make(world: World, amount: bigint): Promise<BatchingWallet> {
    const wallet = new BatchingWallet(world);
    await rpc(world.place.rpcUrl, "anvil_setBalance", [
      wallet.account.address,
      numberToHex(parseEther("10")),
    ]);
    const deployed = wallet.#client.sendTransaction({
      account: wallet.account,
      chain: foundry,
      data: BATCHER,
    });
    await wallet.receive(amount);
    wallet.#batcher = (await wallet.#mined(await deployed)).contractAddress ?? null;
    return wallet;
  }

  /** Gets USDT from the faucet. @param amount in micro-USDT */
  async receive(amount: bigint): Promise<void> {
    const { rpcUrl } = this.#world.place;
    const account = privateKeyToAccount(demoAccount("faucet").privateKey);
    const faucet = createWalletClient({ account, chain: foundry, transport: http(rpcUrl) });
    await this.#mined(await faucet.writeContract(transferOf(this.account.address, amount)));
  }

  #mined(hash: Hex) {
    return this.#world.chain.waitForTransactionReceipt({ hash, pollingInterval: 200 });
  }

  /** Sends some of its USDT elsewhere. @param amount in micro-USDT */
  async sendAway(to: Address, amount: bigint): Promise<void> {
    const call = { ...transferOf(to, amount), account: this.account, chain: foundry };
    await this.#mined(await this.#client.writeContract(call));
  }

  /** Brings it into all pages that this browser opens from now on. */
  async install(context: BrowserContext): Promise<void> {
    await context.exposeFunction("askBatchingWallet", async (asked: Asked) => {
      try {
        return { result: await this.#request(asked) };
      } catch (error) {
        const { code = -32603, message } = error as Partial<Refusal> & Error;
        return { error: { code, message } };
      }
    });
    await context.addInitScript(announce, WALLET_NAME);
  }

  async #request({ method, params = [] }: Asked): Promise<unknown> {
    const [first = {}] = params;
    const address = this.account.address;
    switch (method) {
      case "eth_requestAccounts":
        this.#connected = true;
        return [address];
      case "eth_accounts":
        return this.#connected ? [address] : [];
      case "eth_chainId":
        return numberToHex(foundry.id);
      case "wallet_getCapabilities":
        if (this.atomic === "unsupported") throw refusal(4200, `No ${method} here.`);
        return { [numberToHex(foundry.id)]: { atomic: { status: this.atomic } } };
      case "personal_sign":
        this.#ask(method);
        return this.account.signMessage({ message: hexToString(String(first) as Hex) });
      case "eth_sendTransaction":
        this.#ask(method);
        return this.#client.sendTransaction({
          account: this.account,
          chain: foundry,
          to: first.to as Address,
          data: first.data as Hex,
        });
      case "wallet_sendCalls":
        this.#ask(method);
        return { id: await this.#sendCalls(first as { calls: { to: Address; data: Hex }[] }) };
      case "wallet_getCallsStatus":
        return this.#statusOf(String(first) as Hex);
      default:
        if (method.startsWith("wallet_")) throw refusal(4200, `No ${method} here.`);
        return rpc(this.#world.place.rpcUrl, method, [...params]);
    }
  }

  /** @throws its person's no */
  #ask(method: string): void {
    const no = this.answer.get(method);
    this.answer.delete(method);
    this.asked.push(method);
    if (no) throw refusal(no.code, no.message);
  }

  /** All calls in one transaction of the account to itself, which makes its code the batcher. */
  async #sendCalls({ calls }: { calls: { to: Address; data: Hex }[] }): Promise<Hex> {
    await this.beforeBatch();
    const authorization = await this.#client.signAuthorization({
      account: this.account,
      contractAddress: this.#batcher as Address,
      executor: "self",
    });
    return this.#client.sendTransaction({
      account: this.account,
      chain: foundry,
      to: this.account.address,
      authorizationList: [authorization],
      data: concat(calls.flatMap(({ to, data }) => [to, numberToHex(size(data), { size: 32 }), data])),
      // Not estimated: a batch that reverts is sent all the same, as the chain may change under any wallet.
      gas: BATCH_GAS,
    });
  }

  async #statusOf(id: Hex) {
    const receipt = await rpc<{ status: Hex } | null>(this.#world.place.rpcUrl, "eth_getTransactionReceipt", [
      id,
    ]);
    const status = receipt ? (receipt.status === "0x1" ? 200 : 500) : 100;
    const chainId = numberToHex(foundry.id);
    return { version: "2.0.0", id, chainId, atomic: true, status, receipts: receipt ? [receipt] : [] };
  }
}

const transferOf = (to: Address, amount: bigint) =>
  ({ address: usdt, abi: usdtAbi, functionName: "transfer", args: [to, amount] }) as const;
const refusal = (code: number, message: string) => Object.assign(new Error(message), { code });

/** Runs in the page: announces the wallet as EIP-6963 has it. */
function announce(name: string): void {
  const page = globalThis as unknown as EventTarget & {
    askBatchingWallet: (asked: unknown) => Promise<{ result?: unknown; error?: Refusal }>;
  };
  const provider = {
    async request(asked: unknown) {
      const { result, error } = await page.askBatchingWallet(asked);
      if (error) throw Object.assign(new Error(error.message), { code: error.code });
      return result;
    },
    on() {},
    removeListener() {},
  };
  const icon =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'%3E%3Cpath d='M0 0h1v1H0z'/%3E%3C/svg%3E";
  const info = { uuid: "0d2b9a3e-5d8f-4c3c-9f3a-5792577205ab", name, icon, rdns: "example.batching" };
  const detail = Object.freeze({ info, provider });
  const tell = () => page.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
  page.addEventListener("eip6963:requestProvider", tell);
  tell();
}

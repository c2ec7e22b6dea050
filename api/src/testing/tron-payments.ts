import { demoAccount, parseUsdt, showTronAddress, tronAddress } from "@aiforge/contracts";
import { TronWeb, type Types } from "tronweb";
import { runCashier } from "../features/payments/cashier/worker.ts";
import type { PaymentView } from "../features/payments/shapes.ts";
import { createTestApi, eventually, type TestApi } from "./harness.ts";
import { TronStand, tronEnv } from "./tron.ts";
import { TRON, type TronWallet, tronWallet } from "./tron-wallet.ts";
import { bodyOf, caller, send, signedIn, type TestUser } from "./users.ts";

const TRX = 1_000_000;

export interface TronUser extends TestUser {
  wallet: TronWallet;
}

type CallParameters = { type: string; value: unknown }[];

/**
 * People who pay on Tron: their wallets make, sign and send by the unmodified tronweb, and the cashier works when it is
 * told to.
 */
export class TronTill {
  readonly stand: TronStand;
  readonly cashier = tronWallet(demoAccount("cashier").privateKey);
  /** A wallet with 1,000,000 USDT that nobody linked. */
  readonly exchange: TronWallet;

  private constructor(stand: TronStand, exchange: TronWallet) {
    this.stand = stand;
    this.exchange = exchange;
  }

  static async open(env: Record<string, string> = {}): Promise<TronTill> {
    // Blocks that are made at once shall not run far ahead of the clock, by which quotes end.
    const stand = await TronStand.open(env, { slotMs: 100 });
    const till = new TronTill(stand, tronWallet());
    await till.fund(till.exchange, 1_000_000_000_000n);
    return till;
  }

  close = () => this.stand.close();

  /** Gives 10,000 TRX, and `amount` micro-USDT. */
  async fund(wallet: TronWallet, amount = 0n): Promise<TronWallet> {
    await this.stand.devnet.fund(wallet.shown, BigInt(10_000 * TRX));
    await this.stand.devnet.mine();
    const from = amount > 1_000_000_000n ? tronWallet(demoAccount("faucet").privateKey) : this.exchange;
    if (amount > 0n) await this.sendUsdt(from, wallet.shown, amount);
    return wallet;
  }

  /** Sends a contract's call without making a block. @returns the transaction's id, 0x */
  async broadcast(
    from: TronWallet,
    contract: string,
    selector: string,
    parameters: CallParameters,
    feeLimit = 1_000 * TRX,
  ): Promise<`0x${string}`> {
    const tron = this.#client(from);
    const { transaction } = await tron.transactionBuilder.triggerSmartContract(
      showTronAddress(tronAddress(contract)),
      selector,
      { txLocal: true, feeLimit },
      parameters as never,
    );
    return this.#send(tron, transaction);
  }

  /** The same, and makes the block that it is in. */
  call(...call: Parameters<TronTill["broadcast"]>): Promise<`0x${string}`> {
    return this.#mined(this.broadcast(...call));
  }

  /** Sends TRX. @param sun 1,000,000 are one TRX */
  async sendTrx(from: TronWallet, to: string, sun: number): Promise<`0x${string}`> {
    const tron = this.#client(from);
    return this.#mined(this.#send(tron, await tron.transactionBuilder.sendTrx(to, sun, from.shown)));
  }

  /** Creates a contract of anybody's. @returns the transaction's id, 0x, and the contract in base58 */
  async create(
    from: TronWallet,
    bytecode: string,
    options: { abi?: readonly object[]; parameters?: unknown[] } = {},
  ) {
    const tron = this.#client(from);
    const { abi = [], parameters = [] } = options;
    const made = await tron.transactionBuilder.createSmartContract(
      {
        abi: abi as never,
        bytecode: bytecode.replace(/^0x/, ""),
        parameters,
        feeLimit: 10_000 * TRX,
        name: "Somebody's",
      },
      from.shown,
    );
    const hash = await this.#mined(this.#send(tron, made));
    return { hash, address: TronWeb.address.fromHex(made.contract_address) as string };
  }

  /** Sends USDT as an exchange or a phone does, and makes the block. @param amount micro-USDT */
  sendUsdt(from: TronWallet, to: string, amount: bigint): Promise<`0x${string}`> {
    return this.call(from, this.stand.contracts.usdt, ...transferOf(to, amount));
  }

  #client = ({ key }: TronWallet) =>
    new TronWeb({ fullHost: this.stand.devnet.url, privateKey: key.slice(2) });

  async #send(tron: TronWeb, transaction: Types.Transaction): Promise<`0x${string}`> {
    const sent = await tron.trx.sendRawTransaction(await tron.trx.sign(transaction));
    if (!sent.result) throw new Error(`${sent.code}: ${Buffer.from(String(sent.message), "hex")}`);
    return `0x${sent.txid}`;
  }

  async #mined(sent: Promise<`0x${string}`>): Promise<`0x${string}`> {
    const hash = await sent;
    await this.stand.devnet.mine();
    return hash;
  }

  /** Lets the cashier work, on new blocks, until `check` holds. */
  worked<T>(what: string, check: () => Promise<T>): Promise<NonNullable<T>> {
    const step = async () => {
      await runCashier(this.stand.api.deps, this.stand.chain());
      await this.stand.devnet.mine(3);
      return check();
    };
    return eventually(what, step, 90_000);
  }

  /** The same, until the contract says that `amount` micro-USDT are credit of a wallet. */
  credited = (wallet: TronWallet, amount: bigint) =>
    this.worked(`${amount} are credit of ${wallet.shown}`, async () => {
      return (await this.stand.creditOf(wallet.address)) === amount;
    });

  /** Another instance of the api, over the same database and chains. */
  another(env: Record<string, string>): Promise<TestApi> {
    const { stack, devnet, contracts } = this.stand;
    const same = { DATABASE_URL: stack.databaseUrl, RPC_URL_31337: stack.rpcUrl };
    return createTestApi({ ...same, ...tronEnv(devnet.url, contracts), ...env });
  }

  /** Signs in with a Tron wallet, a new one by default. */
  async user(wallet = tronWallet(), api = this.stand.api): Promise<TronUser> {
    const query = new URLSearchParams({ address: wallet.shown, chain: TRON });
    const asked = await send(api, "GET", `/api/auth/wallet/auth-message?${query}`);
    const { message } = await bodyOf<{ message: string }>(asked);
    const signature = await wallet.sign(message);
    const login = await send(api, "POST", "/api/auth/wallet/login", { message, signature });
    return { ...(await signedIn(api, login)), wallet };
  }

  /** The same person at another instance. */
  sameUser = (user: TronUser, api: TestApi): TronUser => ({ ...user, call: caller(api, user.token) });

  /** Quotes a month of a plan. */
  async quote(user: TronUser, body: Record<string, unknown> = {}): Promise<PaymentView> {
    const plan = { purpose: "plan", plan: 1, wallet: user.wallet.shown, chain: TRON, ...body };
    const response = await user.call("POST", "/api/payments/create", plan);
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    return bodyOf<PaymentView>(response);
  }

  get = async (user: TestUser, { id }: { id: string }) =>
    bodyOf<PaymentView>(await user.call("GET", `/api/payments/${id}`));

  /** The payment as it stands, with what is to be said of a transaction. */
  verify = async (user: TestUser, { id }: { id: string }, txHash: string) =>
    bodyOf<PaymentView>(await user.call("POST", "/api/payments/verify", { paymentId: id, txHash }));
}

/** What is to be sent for a payment, in micro-USDT. */
export const asked = ({ ways }: PaymentView): bigint => parseUsdt(ways!.transfer!.amount);

/** A token's transfer. */
export const transferOf = (to: string, amount: bigint): [string, CallParameters] => [
  "transfer(address,uint256)",
  [
    { type: "address", value: to },
    { type: "uint256", value: String(amount) },
  ],
];

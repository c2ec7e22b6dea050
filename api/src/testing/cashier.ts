import { aiforgeAbi, demoAccount, parseUsdt } from "@aiforge/contracts";
import { eq } from "drizzle-orm";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { chainPlanPurchases } from "../chain/schema.ts";
import { cashierRound, type RoundOptions } from "../features/payments/cashier/round.ts";
import { startCashier } from "../features/payments/cashier/worker.ts";
import type { PaymentView } from "../features/payments/shapes.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "./harness.ts";
import { CHAIN, fundedUser } from "./market.ts";
import { quote } from "./plain-transfers.ts";
import { bodyOf, type TestWalletUser } from "./users.ts";

export const CASHIER = demoAccount("cashier").address;

/** An api whose cashier works, with a wallet that nobody linked and a creator; tests of plain transfers share it. */
export class CashierStand {
  readonly api: TestApi;
  /** A wallet with 1,000 USDT that nobody linked. */
  readonly exchange: PrivateKeyAccount;
  readonly creator: TestWalletUser;
  readonly account = privateKeyToAccount(demoAccount("cashier").privateKey);
  #worker: { stop: () => Promise<void> } | null = null;

  private constructor(api: TestApi, exchange: PrivateKeyAccount, creator: TestWalletUser) {
    this.api = api;
    this.exchange = exchange;
    this.creator = creator;
  }

  static async open(env: Record<string, string> = {}): Promise<CashierStand> {
    const api = await createTestApi(env);
    const exchange = await fundedWallet(api.rpcUrl, 1_000_000_000n);
    const stand = new CashierStand(api, exchange, await fundedUser(api));
    stand.start();
    return stand;
  }

  start(): void {
    this.#worker ??= startCashier(this.api.deps, { everyMs: 200 });
  }

  /** Stops the worker; rounds are then run by hand. */
  async stop(): Promise<void> {
    await this.#worker?.stop();
    this.#worker = null;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.api.close();
  }

  chain = () => this.api.deps.chains.get(CHAIN);

  round = (options?: RoundOptions) => cashierRound(this.api.deps, this.chain(), this.account, options);

  /** Runs rounds by hand until what came for a payment is decided, and nothing is sent for it yet. */
  decided = (user: TestWalletUser, id: string) =>
    eventually("the transfer is decided", async () => {
      const at = (step: string) => {
        if (step === "decided") throw new Error("not further");
      };
      await this.round({ at }).catch(() => undefined);
      return (await get(user, id)).received?.outcome === "purchase";
    });

  /** Micro-USDT. */
  creditOf = (address: string) => {
    const { client, aiforge } = this.chain();
    const args = [address as `0x${string}`] as const;
    return client.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "creditOf", args });
  };

  credited = (address: string, amount: bigint) =>
    eventually(`${amount} are credit of ${address}`, async () => (await this.creditOf(address)) === amount);

  plansFor = (account: string) =>
    this.api.deps.db.select().from(chainPlanPurchases).where(eq(chainPlanPurchases.account, account));
}

export const planQuote = (user: TestWalletUser, plan = 1, months = 1) =>
  quote(user, { purpose: "plan", plan, months });

/** What is to be sent for a payment, in micro-USDT. */
export const asked = ({ ways }: PaymentView) => parseUsdt(ways!.transfer!.amount);

export const get = async (user: TestWalletUser, id: string) =>
  bodyOf<PaymentView>(await user.call("GET", `/api/payments/${id}`));

export const verify = async (user: TestWalletUser, paymentId: string, txHash: string) =>
  bodyOf<PaymentView>(await user.call("POST", "/api/payments/verify", { paymentId, txHash }));

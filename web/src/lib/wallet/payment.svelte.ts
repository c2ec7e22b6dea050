import { PERMIT2, PURCHASE_TYPES, parseUsdt } from "@aiforge/contracts";
import type { Address } from "viem";
import { type ApiError, api, asApiError, type Chain, type Payment } from "../api/index.ts";
import type { WalletEngine } from "./engine.ts";
import { QUOTED_ANEW } from "./errors.ts";
import { type FlowStep, TransactionFlow } from "./flow.svelte.ts";
import { planPayment } from "./plan.ts";
import { TransactError } from "./transact.ts";
import { isPaid, isSettled } from "./transfer.ts";
import { wallet } from "./wallet.svelte.ts";
import { assertPayment, assertPermit, assertPurchase, type Way, waysOf } from "./ways.ts";

const LOOK_EVERY_MS = 1000;
/** Once the payment itself is decided, and only some credit is to come or another transfer. */
const LOOK_ON_EVERY_MS = 3000;
const DECIDED = new Set<Payment["status"]>(["confirmed", "expired", "late", "short", "failed"]);

/** One payment from quote to confirmed: what it costs, the transactions, and what the platform has seen of them. */
export class PaymentRun {
  payment = $state.raw<Payment | null>(null);
  error = $state.raw<ApiError | null>(null);
  way = $state<Way>("wallet");
  /** Set once the platform counts the payment. */
  confirmed = $state(false);
  flow: TransactionFlow;
  #quote: () => Promise<Payment>;
  #onConfirmed: (payment: Payment) => void;
  #closed = false;
  #awaiting = false;

  constructor(quote: () => Promise<Payment>, onConfirmed: (payment: Payment) => void) {
    this.#quote = quote;
    this.#onConfirmed = onConfirmed;
    this.flow = new TransactionFlow({
      plan: async () => this.#plan(await this.#current()),
      preview: async () => (this.payment ? this.#plan(this.payment) : []),
      onDone: (hash) =>
        this.#watch((id) => (this.confirmed ? api.payments.get(id) : api.payments.verify(id, hash)), isPaid),
    });
  }

  get amount(): bigint | null {
    return this.payment ? parseUsdt(this.payment.amount) : null;
  }
  get ways(): Way[] {
    return this.payment ? waysOf(this.payment) : [];
  }

  load = async (): Promise<void> => {
    this.error = null;
    try {
      this.payment = await this.#quote();
    } catch (error) {
      this.error = asApiError(error);
    }
  };

  /** Looks for plain transfers until the payment is made and the rest is credit, or the dialog is closed. */
  awaitTransfer = async (): Promise<void> => {
    if (this.#awaiting) return;
    this.#awaiting = true;
    await this.#watch((id) => api.payments.get(id), isSettled);
    this.#awaiting = false;
  };

  /** Stops asking; the payment itself goes on. */
  close(): void {
    this.#closed = true;
  }

  async #plan(payment: Payment): Promise<FlowStep[]> {
    const { amount, way } = this;
    const { chain, address } = wallet;
    if (amount === null || !chain || !address) throw new Error("Connect a wallet first.");
    const engine = await wallet.start();
    if (way === "permit2") return this.#planPermit(payment, amount, chain, address, engine);

    const credit = way === "credit" ? payment.ways?.credit : null;
    const call = credit ? credit.call : payment.call;
    assertPayment(call, payment, chain, credit ? "credit" : "wallet");
    const fromWallet = way === "wallet" ? amount : 0n;
    const allowance = fromWallet > 0n ? await engine.allowance(chain, address, chain.aiforge) : 0n;
    const title = payment.purpose === "publish" ? "Publish" : "Pay";
    const pay = { title, to: call.to, data: call.data };
    const steps = planPayment({
      usdt: chain.usdt,
      spender: chain.aiforge,
      amount: fromWallet,
      allowance,
      pay,
    });
    return steps.map((step) => ({ ...step, confirmations: step.id === "pay" ? payment.required : 1 }));
  }

  /**
   * The quote, as long as it is still what would be quoted now: prices change, new money may be stopped, and quotes
   * expire. Asked before the first signature, as an allowance for another price is of no use; the contract holds the
   * price all the same.
   * @throws {TransactError}
   */
  async #current(): Promise<Payment> {
    const shown = this.payment;
    if (!shown) throw new Error("Connect a wallet first.");
    const now = await this.#quote().catch((error: unknown) => {
      const { code, message, hint } = asApiError(error);
      throw new TransactError({ code, message, hint }, null);
    });
    if (now.call.data !== shown.call.data) throw new TransactError(QUOTED_ANEW, null);
    this.payment = now;
    return now;
  }

  /** Permit2 may take USDT once and for all; each payment is then one signature, brought in by the last step. */
  async #planPermit(
    payment: Payment,
    amount: bigint,
    chain: Chain,
    payer: Address,
    engine: WalletEngine,
  ): Promise<FlowStep[]> {
    const data = payment.ways?.permit2?.typedData;
    if (!data) throw new Error("This payment cannot be made by signature.");
    assertPermit(payment, chain);
    const allowance = await engine.allowance(chain, payer, PERMIT2);
    const approvals = planPayment({ usdt: chain.usdt, spender: PERMIT2, amount, allowance, pay: null });
    const bringIn = async () => {
      // The types are ours, not the answer's: the wallet shows and signs the fields that were just checked.
      const signature = await engine.signTypedData({ ...data, types: PURCHASE_TYPES } as never);
      const { call } = await api.payments.permit(payment.id, signature);
      assertPurchase(call, payment, payer, chain);
      return { to: call.to, data: call.data };
    };
    return [
      ...approvals.map((step) => ({ ...step, title: `${step.title} for Permit2`, confirmations: 1 })),
      { id: "pay", title: "Sign, and bring it in", prepare: bringIn, confirmations: payment.required },
    ];
  }

  #pause = (): number =>
    this.payment && DECIDED.has(this.payment.status) ? LOOK_ON_EVERY_MS : LOOK_EVERY_MS;

  /** The chain has it, or will; now until the platform's mirror has it too. */
  async #watch(look: (id: string) => Promise<Payment>, isOver: (seen: Payment) => boolean): Promise<void> {
    const { payment } = this;
    if (!payment) return;
    while (!this.#closed) {
      try {
        const seen = await look(payment.id);
        this.payment = { ...seen, ways: seen.ways ?? payment.ways };
        this.error = null;
        if (seen.status === "confirmed" && !this.confirmed) {
          this.confirmed = true;
          this.#onConfirmed(seen);
        }
        if (isOver(seen)) return;
      } catch (error) {
        const problem = asApiError(error);
        this.error = problem;
        if (!problem.retryable) return;
      }
      await new Promise((resolve) => setTimeout(resolve, this.#pause()));
    }
  }
}

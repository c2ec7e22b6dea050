import { parseUsdt } from "@aiforge/contracts";
import type { Hex } from "viem";
import { type ApiError, api, asApiError, type Payment } from "../api/index.ts";
import { TransactionFlow } from "./flow.svelte.ts";
import { assertCall, planPayment } from "./plan.ts";
import { wallet } from "./wallet.svelte.ts";

const FUNCTIONS = { publish: "publish", service: "subscribe", listing: "extendListing" } as const;
const LOOK_EVERY_MS = 1000;

/** One payment from quote to confirmed: what it costs, the transactions, and what the platform has seen of them. */
export class PaymentRun {
  payment = $state.raw<Payment | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** Set once the platform counts the payment. */
  confirmed = $state(false);
  flow: TransactionFlow;
  #quote: () => Promise<Payment>;
  #onConfirmed: (payment: Payment) => void;
  #closed = false;

  constructor(quote: () => Promise<Payment>, onConfirmed: (payment: Payment) => void) {
    this.#quote = quote;
    this.#onConfirmed = onConfirmed;
    this.flow = new TransactionFlow({
      chainId: wallet.chain?.chainId ?? 0,
      plan: () => this.#plan(),
      onDone: (hash) => this.#watch(hash),
    });
  }

  get amount(): bigint | null {
    return this.payment ? parseUsdt(this.payment.amount) : null;
  }

  load = async (): Promise<void> => {
    this.error = null;
    try {
      this.payment = await this.#quote();
    } catch (error) {
      this.error = asApiError(error);
    }
  };

  /** Stops asking; the payment itself goes on. */
  close(): void {
    this.#closed = true;
  }

  async #plan() {
    const { payment, amount } = this;
    const { chain, address } = wallet;
    if (!payment || amount === null || !chain || !address) throw new Error("Connect a wallet first.");
    assertCall(payment.call, FUNCTIONS[payment.purpose], chain);
    const engine = await wallet.start();
    const allowance = amount > 0n ? await engine.allowance(chain, address, chain.aiforge) : 0n;
    const title = payment.purpose === "publish" ? "Publish" : "Pay";
    const pay = { title, to: payment.call.to, data: payment.call.data };
    const steps = planPayment({ usdt: chain.usdt, spender: chain.aiforge, amount, allowance, pay });
    return steps.map((step) => ({ ...step, confirmations: step.id === "pay" ? payment.required : 1 }));
  }

  /** The chain has it; now until the platform's mirror has it too. */
  async #watch(hash: Hex): Promise<void> {
    const { payment } = this;
    if (!payment) return;
    while (!this.#closed) {
      try {
        const seen = await api.payments.verify(payment.id, hash);
        this.payment = seen;
        this.error = null;
        if (seen.status === "confirmed") {
          this.confirmed = true;
          this.#onConfirmed(seen);
          return;
        }
      } catch (error) {
        const problem = asApiError(error);
        this.error = problem;
        if (!problem.retryable) return;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}

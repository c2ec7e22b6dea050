import type { Address, Hex } from "viem";
import { BatchRefusedError } from "./batch.ts";
import type { WalletEngine } from "./engine.ts";
import { explain, type Problem } from "./errors.ts";
import { confirm, type FeeForecast, TransactError, type TransactState, transact } from "./transact.ts";
import { wallet } from "./wallet.svelte.ts";

interface Sent {
  to: Address;
  data: Hex;
}

/** One transaction: known when the flow is planned, or made when its turn comes (a signature first, for one). */
export type FlowStep = {
  id: string;
  title: string;
  /** How many confirmations this step waits for. */
  confirmations: number;
} & (Sent | { prepare: () => Promise<Sent> });

export interface FlowParameters {
  /** Made when the flow starts, from what the chain says then. A flow that is run again after a failure asks anew. */
  plan: () => Promise<FlowStep[]>;
  /** The same as things are now, with nothing checked anew: for the fee that is told before the start. */
  preview?: () => Promise<FlowStep[]>;
  /** Called once, with the last step's hash. */
  onDone?: (hash: Hex) => void | Promise<void>;
  /** Called as soon as a step has a hash, so that it survives a reload. */
  onSent?: (step: FlowStep, hash: Hex) => void;
}

/** Transactions in a row, as the stepper shows them. While it runs, and once it is done, another start does nothing. */
export class TransactionFlow {
  steps = $state.raw<FlowStep[]>([]);
  states = $state.raw<(TransactState | null)[]>([]);
  status = $state<"idle" | "running" | "done" | "failed">("idle");
  problem = $state.raw<Problem | null>(null);
  #parameters: FlowParameters;

  constructor(parameters: FlowParameters) {
    this.#parameters = parameters;
  }

  /** Whether nothing is left to ask the wallet: from here on it goes on without the page. */
  get sent(): boolean {
    const last = this.states.at(-1)?.step;
    return this.status === "running" && (last === "sent" || last === "pending" || last === "confirming");
  }

  /** What the network takes for all steps; null where the wallet tells it, or it cannot be estimated now. */
  forecastFee = async (): Promise<(FeeForecast & { titles: string[] }) | null> => {
    const { plan, preview = plan } = this.#parameters;
    try {
      const engine = await wallet.start();
      const chainId = wallet.chain?.chainId;
      if (chainId === undefined || wallet.connected.namespace !== "tron") return null;
      const steps = (await preview()).filter((step): step is FlowStep & Sent => "to" in step);
      const forecast = await engine.forecastFee(chainId, steps);
      return forecast && { ...forecast, titles: steps.map(({ title }) => title) };
    } catch {
      // Why it would be refused is told by the flow itself, once it is started.
      return null;
    }
  };

  run = async (): Promise<void> => {
    if (this.status === "running" || this.status === "done") return;
    this.status = "running";
    this.problem = null;
    const { plan, onDone } = this.#parameters;
    try {
      const engine = await wallet.start();
      // Only now: a dialog can be open before the page knows its chains.
      const chainId = wallet.chain?.chainId;
      if (chainId === undefined) throw new Error("No chain to pay on is known.");
      this.steps = await plan();
      this.states = this.steps.map(() => null);
      const calls = this.steps.filter((step): step is FlowStep & Sent => "to" in step);
      const together =
        calls.length > 1 && calls.length === this.steps.length && (await engine.batches(chainId));
      const last = together
        ? await this.#runTogether(engine, chainId, calls)
        : await this.#runInTurn(engine, chainId);
      this.status = "done";
      void wallet.refreshBalance();
      if (last) await onDone?.(last);
    } catch (error) {
      if (this.status === "done") return;
      const problem = error instanceof TransactError ? error.problem : explain(error);
      const known = error instanceof TransactError ? error.hash : null;
      this.problem = problem;
      this.states = this.states.map((state) =>
        state && state.step !== "success"
          ? { step: "failed", problem, hash: "hash" in state && state.hash ? state.hash : known }
          : state,
      );
      this.status = "failed";
      void wallet.refreshBalance();
    }
  };

  async #runInTurn(engine: WalletEngine, chainId: number): Promise<Hex | null> {
    const { onSent } = this.#parameters;
    let last: Hex | null = null;
    for (const [index, step] of this.steps.entries()) {
      this.#set(index, { step: "wallet" });
      const { to, data } = "to" in step ? step : await step.prepare();
      last = await transact({
        to,
        data,
        chainId,
        confirmations: step.confirmations,
        publicClient: engine.publicClient(chainId),
        walletClient: () => engine.walletClient(chainId),
        confirm: engine.confirmOn(chainId),
        pollingInterval: engine.pollingOf(chainId),
        onState: (state) => {
          this.#set(index, state);
          if (state.step === "pending") onSent?.(step, state.hash);
        },
      });
    }
    return last;
  }

  /** All calls as one (EIP-5792): one prompt, and either all of them happen or none. */
  async #runTogether(
    engine: WalletEngine,
    chainId: number,
    calls: readonly (FlowStep & Sent)[],
  ): Promise<Hex | null> {
    const { onSent } = this.#parameters;
    const planned = this.steps;
    const final = calls[calls.length - 1] as FlowStep & Sent;
    const [first, ...rest] = calls.map(({ title }) => title);
    const title = [first, ...rest.map((text) => text.charAt(0).toLowerCase() + text.slice(1))].join(
      ", then ",
    );
    this.steps = [{ ...final, title: `${title}: one signature` }];
    this.states = [{ step: "wallet" }];
    try {
      const hash = await engine.sendCalls(chainId, calls, () => this.#set(0, { step: "sent" }));
      onSent?.(final, hash);
      return await confirm(
        engine.publicClient(chainId),
        hash,
        final.confirmations,
        engine.pollingOf(chainId),
        (state) => this.#set(0, state),
      );
    } catch (error) {
      if (!(error instanceof BatchRefusedError)) throw error;
      this.steps = planned;
      this.states = planned.map(() => null);
      return this.#runInTurn(engine, chainId);
    }
  }

  #set(index: number, state: TransactState): void {
    this.states = this.states.with(index, state);
  }
}

import type { Address, Hex } from "viem";
import { explain, type Problem } from "./errors.ts";
import { TransactError, type TransactState, transact } from "./transact.ts";
import { wallet } from "./wallet.svelte.ts";

export interface FlowStep {
  id: string;
  title: string;
  to: Address;
  data: Hex;
  /** How many confirmations this step waits for. */
  confirmations: number;
}

export interface FlowParameters {
  chainId: number;
  /** Made when the flow starts, from what the chain says then. A flow that is run again after a failure asks anew. */
  plan: () => Promise<FlowStep[]>;
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

  run = async (): Promise<void> => {
    if (this.status === "running" || this.status === "done") return;
    this.status = "running";
    this.problem = null;
    const { chainId, plan, onDone, onSent } = this.#parameters;
    try {
      const engine = await wallet.start();
      this.steps = await plan();
      this.states = this.steps.map(() => null);
      let last: Hex | null = null;
      for (const [index, step] of this.steps.entries()) {
        last = await transact({
          to: step.to,
          data: step.data,
          chainId,
          confirmations: step.confirmations,
          publicClient: engine.publicClient(chainId),
          walletClient: () => engine.walletClient(chainId),
          pollingInterval: chainId === 31337 ? 400 : 4000,
          onState: (state) => {
            this.states = this.states.with(index, state);
            if (state.step === "pending") onSent?.(step, state.hash);
          },
        });
      }
      this.status = "done";
      void wallet.refreshBalance();
      if (last) await onDone?.(last);
    } catch (error) {
      if (this.status === "done") return;
      this.problem = error instanceof TransactError ? error.problem : explain(error);
      this.status = "failed";
    }
  };
}

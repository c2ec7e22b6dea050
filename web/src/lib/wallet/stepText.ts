import type { TransactState } from "./transact.ts";

/** A step's state as a sentence. */
export function describeState(state: TransactState | null): string {
  switch (state?.step) {
    case undefined:
      return "Waits for the step before.";
    case "checking":
      return "Checking that it would succeed…";
    case "wallet":
      return state.fee
        ? `Confirm it in your wallet. Network fee: about ${state.fee.about} ${state.fee.symbol}, at most ${state.fee.atMost}.`
        : "Confirm it in your wallet.";
    case "sent":
      return "Your wallet has it. Waiting for the next block…";
    case "pending":
      return "Sent. Waiting for the next block…";
    case "confirming":
      return `Confirmation ${state.confirmations} of ${state.required}`;
    case "success":
      return state.required === 1 ? "Done." : `Confirmed ${state.required} of ${state.required}.`;
    case "failed":
      return state.problem.message;
  }
}

import type { FeeForecast, TransactState } from "./transact.ts";

/** What the network takes in all, in sentences. @param titles of the steps, in order */
export function describeForecast({
  about,
  atMost,
  symbol,
  later,
  titles,
}: FeeForecast & { titles: readonly string[] }): string {
  const quoted = (names: readonly string[]) => names.map((name) => `“${name}”`).join(" and ");
  const known = titles.slice(0, titles.length - later);
  const fee = `about ${about} ${symbol}, at most ${atMost}`;
  if (later === 0) return `Network fee${titles.length > 1 ? " of all steps" : ""}: ${fee}.`;
  return (
    `Network fee: ${fee}, for ${quoted(known)}. That of ${quoted(titles.slice(-later))} comes on top: it can be ` +
    `estimated only once ${quoted(known.slice(-1))} is on the chain, and you see it before you sign.`
  );
}

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

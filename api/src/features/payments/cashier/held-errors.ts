import { AppError } from "../../../core/errors.ts";

export const notHeld = () =>
  new AppError("transfer_not_held", 409, "This transfer does not wait for its owner any more.", {
    hint: "Load the list again: it says what became of it.",
  });

export const walletUnknown = () =>
  new AppError("wallet_unknown", 409, "No account has linked this wallet for this kind of chain.", {
    hint: "Have its owner link it first: that alone already makes what it sent its credit.",
    details: { field: "wallet" },
  });

export const noCashier = (chain: string) =>
  new AppError("no_cashier", 409, `There is no cashier on ${chain} to carry this out.`, {
    hint: "Set CASHIER_KEY and try again.",
  });

import { showTronAddress } from "@aiforge/contracts";
import type { Chain } from "./chains.ts";

type Shown = Pick<Chain, "explorer" | "namespace">;

/** The explorer's page about a transaction; null where the chain has no explorer, or there is no transaction. */
export function transactionPage({ explorer, namespace }: Shown, hash: string | null): string | null {
  if (!explorer || !hash) return null;
  return namespace === "tron" ? `${explorer}/#/transaction/${hash.slice(2)}` : `${explorer}/tx/${hash}`;
}

/** The explorer's page about the contract; null where the chain has no explorer. */
export function contractPage({ explorer, namespace, aiforge }: Shown & Pick<Chain, "aiforge">) {
  if (!explorer) return null;
  return namespace === "tron"
    ? `${explorer}/#/contract/${showTronAddress(aiforge)}`
    : `${explorer}/address/${aiforge}`;
}

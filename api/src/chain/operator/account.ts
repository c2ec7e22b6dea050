import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import type { Chain } from "../chains.ts";

/** The operator's wallet on a chain; null where the api has no key of it. */
export const operatorAccount = ({ operatorKey }: Chain): PrivateKeyAccount | null =>
  operatorKey ? privateKeyToAccount(operatorKey) : null;

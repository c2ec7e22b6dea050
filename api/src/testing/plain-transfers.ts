import { usdtAbi } from "@aiforge/contracts";
import type { PrivateKeyAccount } from "viem/accounts";
import { usdtCall } from "../chain/calls.ts";
import type { PaymentView } from "../features/payments/shapes.ts";
import type { TestApi } from "./harness.ts";
import { CHAIN, sign } from "./market.ts";
import { bodyOf, type TestWalletUser } from "./users.ts";

/** Asks for a quote by the general route. */
export async function quote(user: TestWalletUser, body: Record<string, unknown>): Promise<PaymentView> {
  const response = await user.call("POST", "/api/payments/create", {
    wallet: user.wallet.address,
    chain: CHAIN,
    ...body,
  });
  if (response.status !== 200)
    throw new Error(`Quoting answered ${response.status}: ${await response.text()}`);
  return bodyOf<PaymentView>(response);
}

/** Sends USDT as an exchange or a phone does. @param amount micro-USDT */
export function sendUsdt(
  api: TestApi,
  from: PrivateKeyAccount,
  to: string,
  amount: bigint,
): Promise<`0x${string}`> {
  return sign(api, from, usdtCall(api.deps.chains.get(CHAIN), "transfer", [to as `0x${string}`, amount]));
}

/** Micro-USDT. */
export function usdtOf(api: TestApi, address: string): Promise<bigint> {
  const { client, usdt } = api.deps.chains.get(CHAIN);
  return client.readContract({
    address: usdt,
    abi: usdtAbi,
    functionName: "balanceOf",
    args: [address as `0x${string}`],
  });
}

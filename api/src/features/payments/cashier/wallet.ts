import type { PrivateKeyAccount } from "viem/accounts";
import { privateKeyToAccount } from "viem/accounts";
import type { Chain } from "../../../chain/chains.ts";
import { readChain } from "../../../chain/read.ts";
import type { Purpose } from "../schema.ts";

/** Gas (on Tron: energy) of one of its transactions, with room to spare. */
export const ORDER_GAS = 250_000n;
/** With gas for fewer than this many transactions no plain transfer is offered, for it could not be turned into a purchase. */
const LEAST_ORDERS = 20n;
const LOW_ORDERS = 100n;
const STATE_MS = 5_000;

export interface CashierState {
  address: `0x${string}`;
  /** Wei; on Tron sun. */
  balance: bigint;
  /** How many transactions the balance pays for at the present price of gas. */
  orders: bigint;
  /** Whether plain transfers are offered. */
  able: boolean;
  /** Whether it should be given more. */
  low: boolean;
}

const accounts = new WeakMap<Chain, PrivateKeyAccount | null>();
const states = new WeakMap<Chain, { at: number; state: Promise<CashierState | null> }>();

/** The wallet that takes plain transfers on a chain; null where there is none. */
export function cashierOf(chain: Chain): PrivateKeyAccount | null {
  const known = accounts.get(chain);
  if (known !== undefined) return known;
  const account = chain.cashierKey ? privateKeyToAccount(chain.cashierKey) : null;
  accounts.set(chain, account);
  return account;
}

/**
 * What the cashier has for gas, at most 5 seconds old; null where there is no cashier.
 * @throws AppError `chain_unavailable` (503)
 */
export function cashierState(chain: Chain): Promise<CashierState | null> {
  const known = states.get(chain);
  if (known && performance.now() - known.at < STATE_MS) return known.state;
  const state = readState(chain);
  states.set(chain, { at: performance.now(), state });
  // A failure is not remembered.
  state.catch(() => states.delete(chain));
  return state;
}

/**
 * Whether a plain transfer can be turned into a purchase here. While the chain does not answer it can: a cashier without gas
 * is rare, what comes to it is not lost, and a quote whose amount is not set aside cannot be paid so later either.
 */
export async function takesNow(chain: Chain): Promise<boolean> {
  if (!cashierOf(chain)) return false;
  const state = await cashierState(chain).catch(() => undefined);
  return state === undefined || state?.able === true;
}

/**
 * Whether what is quoted can be bought by a plain transfer: a model's publisher owns it, and a depositor their deposit; a
 * job is funded by who orders it.
 */
export function takesTransfers({ purpose, amount }: { purpose: Purpose; amount: bigint }): boolean {
  return purpose !== "publish" && purpose !== "usage" && purpose !== "job" && amount > 0n;
}

/** Whether an amount, in micro-USDT, is enough for a plain transfer: a purchase of less would cost the cashier too much gas. */
export const isWorth = (chain: Chain, amount: bigint): boolean => amount >= chain.leastTransfer;

async function readState(chain: Chain): Promise<CashierState | null> {
  const account = cashierOf(chain);
  if (!account) return null;
  const [balance, gasPrice] = await readChain(chain, () =>
    Promise.all([chain.client.getBalance({ address: account.address }), chain.client.getGasPrice()]),
  );
  const orders = gasPrice === 0n ? LOW_ORDERS : balance / (gasPrice * ORDER_GAS);
  return {
    address: account.address,
    balance,
    orders,
    able: orders >= LEAST_ORDERS,
    low: orders < LOW_ORDERS,
  };
}

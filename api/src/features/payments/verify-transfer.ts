import { usdtAbi } from "@aiforge/contracts";
import { and, eq } from "drizzle-orm";
import type { Chain } from "../../chain/chains.ts";
import { readChain } from "../../chain/read.ts";
import { showAddress } from "../../chain/show.ts";
import type { Deps } from "../../deps.ts";
import { arriving, besideQuote } from "./cashier/reasons.ts";
import { decidedTransfers } from "./cashier/received.ts";
import { incomingTransfers } from "./cashier/schema.ts";
import { cashierOf } from "./cashier/wallet.ts";
import * as reasons from "./errors.ts";
import type { payments } from "./schema.ts";
import type { Reason } from "./shapes.ts";
import type { Moved } from "./transaction.ts";
import { type Mined, noteSeen } from "./verify.ts";

type Payment = typeof payments.$inferSelect;

/** Where a transaction stands that bought nothing: a plain transfer, to whom and of what it may be. */
export async function explainTransfer(deps: Deps, payment: Payment, found: Mined): Promise<Reason | null> {
  const { chain, moved, value, to } = found;
  const cashier = cashierOf(chain)?.address.toLowerCase();
  const usdt = chain.usdt.toLowerCase();
  const show = (address: string) => showAddress(chain.chain, address);
  const ours = (address: string | null) =>
    address !== null && (address === cashier || address === chain.aiforge.toLowerCase());
  const arrived = moved.filter((each) => each.token === usdt && each.to === cashier && each.amount > 0n);
  if (arrived.length > 0) return explainArrived(deps, payment, found, arrived);

  const foreign = moved.find((each) => each.token !== usdt && ours(each.to));
  if (foreign) return explainForeign(chain, foreign);
  if (value > 0n && ours(to)) return reasons.sentCoin(chain.name);
  const moves = moved.filter((each) => each.token === usdt);
  const astray = moves.find(({ amount }) => amount > 0n);
  if (astray) {
    return ours(astray.to)
      ? reasons.sentToContract()
      : reasons.wrongRecipient(show(astray.to), takesTransfer(payment) && cashier ? show(cashier) : null);
  }
  if (moves.length > 0) return reasons.sentNothing();
  return to === usdt ? reasons.onlyApproval() : reasons.otherContract();
}

const takesTransfer = ({ transferAmount }: Payment) => transferAmount !== null;

async function explainArrived(
  deps: Deps,
  payment: Payment,
  { hash, chain, blockNumber }: Mined,
  arrived: Moved[],
): Promise<Reason | null> {
  const ofThis = and(eq(incomingTransfers.chain, chain.chain), eq(incomingTransfers.txHash, hash));
  const decided = await decidedTransfers(deps, ofThis);
  const own = decided.find(({ paymentId }) => paymentId === payment.id);
  if (own) return own.view.reason;
  if (decided.length >= arrived.length) {
    // Another's payment says no more than that; nobody's says what becomes of it.
    const nobodys = decided.find(({ paymentId }) => paymentId === null);
    if (!nobodys) return reasons.alreadyUsed();
    const { reason } = nobodys.view;
    return reason && takesTransfer(payment) ? besideQuote(reason, payment.transferAmount!) : reason;
  }
  await noteSeen(deps, payment, hash);
  const head = await readChain(chain, () => chain.head(0));
  const seen = head < blockNumber ? 0 : Number(head - blockNumber) + 1;
  return arriving(Math.min(seen, chain.confirmations), chain.confirmations);
}

async function explainForeign(chain: Chain, { token }: Moved): Promise<Reason> {
  const asked = { address: token as `0x${string}`, abi: usdtAbi, functionName: "symbol" } as const;
  const ask = () => chain.client.readContract(asked);
  const symbol = await readChain(chain, ask, { blame: false }).catch(() => null);
  // Whatever its name has in it is somebody's text: only plain ones are repeated.
  const name = symbol && /^[\w.$-]{1,12}$/.test(symbol) ? symbol : null;
  const ours = { name: chain.name, usdt: showAddress(chain.chain, chain.usdt) };
  if (name && /usd.?t/i.test(name)) return reasons.lookAlike(showAddress(chain.chain, token), ours);
  return reasons.wrongToken(name ?? "another token", ours);
}

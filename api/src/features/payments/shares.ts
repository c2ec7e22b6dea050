import { FEES } from "@aiforge/contracts";
import { usdt } from "../../core/money.ts";
import type { SplitMember } from "../group-revenue/schema.ts";
import type { Purpose } from "./schema.ts";
import type { Share } from "./shapes.ts";

export interface Money {
  purpose: Purpose;
  /** Micro-USDT. */
  amount: bigint;
  /** The platform's part of it, micro-USDT. */
  fee: bigint;
  treasury: string;
  /** The wallet that pays; a deposit stays its own. */
  payer: string;
  members: readonly SplitMember[];
}

const PLATFORM_BPS: Record<Purpose, bigint> = {
  publish: FEES.bps,
  listing: FEES.bps,
  service: FEES.serviceBps,
  license: FEES.saleBps,
  plan: FEES.planBps,
  usage: 0n,
  job: FEES.jobBps,
};

type Part = Omit<Share, "amount"> & { amount: bigint };

/** Who gets what of one payment, each share rounded down, and what that leaves. All in micro-USDT. */
export function shareOut({ purpose, amount, fee, treasury, payer, members }: Money) {
  const rest = amount - fee;
  const platform: Part = {
    kind: "platform",
    label: "Platform",
    address: treasury,
    bps: Number(PLATFORM_BPS[purpose]),
    amount: fee,
  };
  if (purpose === "usage") {
    const label = "Your deposit, charged as it is used";
    const deposit: Part = { kind: "deposit", label, address: payer, bps: Number(FEES.bps), amount };
    return { creators: 0n, shares: [deposit], dust: 0n };
  }
  if (purpose === "plan") {
    const bps = Number(FEES.bps - FEES.planBps);
    const pool: Part = { kind: "pool", label: "Creators' pool", address: null, bps, amount: rest };
    return { creators: rest, shares: [platform, pool], dust: 0n };
  }
  if (purpose === "job") {
    // Nobody gets anything before the job is done; until then all of it is held in escrow.
    const bps = Number(FEES.bps - FEES.jobBps);
    const node: Part = {
      kind: "node",
      label: "The node, once the job is done",
      address: null,
      bps,
      amount: rest,
    };
    return { creators: rest, shares: [platform, node], dust: 0n };
  }
  const creators = members.map(
    ({ address, bps }): Part => ({
      kind: "member",
      label: "Creator",
      address,
      bps,
      amount: (rest * BigInt(bps)) / FEES.bps,
    }),
  );
  const dust = creators.reduce((left, share) => left - share.amount, rest);
  return { creators: rest, shares: [platform, ...creators], dust };
}

/** The same as JSON. */
export function moneyView(money: Money) {
  const { creators, shares, dust } = shareOut(money);
  return {
    amount: usdt(money.amount),
    fee: usdt(money.fee),
    creators: usdt(creators),
    shares: shares.map((each) => ({ ...each, amount: usdt(each.amount) })),
    dust: usdt(dust),
  };
}

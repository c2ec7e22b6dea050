import { FEES } from "@aiforge/contracts";
import { aiforgeCall, type Call } from "../../chain/calls.ts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { claimsOf, type PoolClaim } from "./claims.ts";
import type { creditsOf, leavingDeposits, Share } from "./queries.ts";

type Credit = Awaited<ReturnType<typeof creditsOf>>[number];
type Deposit = Awaited<ReturnType<typeof leavingDeposits>>[number];
type Address = `0x${string}`;

/** Something that is a wallet's and waits in the contract. */
interface Waiting {
  kind: "split" | "pool" | "credit" | "usage";
  /** CAIP-2. */
  chain: string;
  /** The wallet that signs, and that is paid. */
  member: string;
  /** Micro-USDT. */
  amount: bigint;
  splitId: string | null;
  split: { members: Address[]; bps: number[] } | null;
}

export interface Takeout extends Waiting {
  /** Of a pool claim: what the split is owed in its life, and the proof of it. */
  cumulative: bigint | null;
  proof: `0x${string}`[] | null;
  call: Call;
}

/** A member's part of revenue, as the contract rounds it: down. Micro-USDT. */
export const shareOf = (earned: bigint, bps: number): bigint => (earned * BigInt(bps)) / FEES.bps;

/** Everything that wallets can take out of the contract now, wherever it is, and what they will be able to. */
export async function takeouts(
  deps: Deps,
  shares: Share[],
  credits: Credit[],
  deposits: Deposit[],
): Promise<{ claims: Takeout[]; upcoming: (Waiting & { availableAt: bigint })[] }> {
  const pool = await claimsOf(deps, unique(shares));
  const bySplit = (claims: PoolClaim[], share: Share) =>
    claims.find(({ chain, splitId }) => chain === share.chain && splitId === share.splitId);
  const claims = [
    ...shares.flatMap((share) => fromSplit(deps, share)),
    ...shares.flatMap((share) => fromPool(deps, share, bySplit(pool.now, share))),
    ...credits.map((credit) => fromCredit(deps, credit)),
    ...deposits.filter(({ leaveAt, now }) => leaveAt! <= now).map((deposit) => fromDeposit(deps, deposit)),
  ];
  const later = shares.flatMap((share) => {
    const claim = bySplit(pool.later, share);
    if (!claim) return [];
    const before = share.earned + (bySplit(pool.now, share)?.amount ?? 0n);
    const amount = shareOf(before + claim.amount, share.bps) - shareOf(before, share.bps);
    return amount > 0n ? [{ ...ofShare("pool", share), amount, availableAt: claim.activeAt }] : [];
  });
  const leaving = deposits
    .filter(({ leaveAt, now }) => leaveAt! > now)
    .map(({ chain, payer: member, amount, leaveAt }) => {
      const nothing = { splitId: null, split: null };
      return { kind: "usage" as const, chain, member, amount, ...nothing, availableAt: leaveAt! };
    });
  return { claims, upcoming: [...later, ...leaving] };
}

/** A takeout as JSON carries it. */
export const viewTakeout = ({ amount, cumulative, ...claim }: Takeout) => ({
  ...claim,
  amount: usdt(amount),
  drawable: usdt(amount),
  cumulative: cumulative === null ? null : usdt(cumulative),
});

const plain = { splitId: null, split: null, cumulative: null, proof: null };

const unique = (shares: Share[]) => [
  ...new Map(shares.map((share) => [`${share.chain} ${share.splitId}`, share])).values(),
];

function ofShare<K extends Waiting["kind"]>(kind: K, { chain, member, splitId, split }: Share) {
  const members = split.members.map((address) => address.toLowerCase() as Address);
  return { kind, chain, member, splitId, split: { members, bps: split.bps } };
}

function fromSplit(deps: Deps, share: Share): Takeout[] {
  const amount = shareOf(share.earned, share.bps) - share.drawn;
  if (amount <= 0n) return [];
  const base = ofShare("split", share);
  const call = aiforgeCall(deps.chains.get(share.chain), "drawAndWithdraw", [
    base.split,
    share.member as Address,
  ]);
  return [{ ...base, amount, cumulative: null, proof: null, call }];
}

/** The member's part of what the split can claim; the call claims for all of the split, and draws for the member. */
function fromPool(deps: Deps, share: Share, claim: PoolClaim | undefined): Takeout[] {
  if (!claim) return [];
  const amount = shareOf(share.earned + claim.amount, share.bps) - shareOf(share.earned, share.bps);
  if (amount <= 0n) return [];
  const base = ofShare("pool", share);
  const { cumulative, proof } = claim;
  const call = aiforgeCall(deps.chains.get(share.chain), "claimAndDraw", [
    base.split,
    cumulative,
    proof,
    share.member as Address,
  ]);
  return [{ ...base, amount, cumulative, proof, call }];
}

function fromCredit(deps: Deps, { chain, address, amount }: Credit): Takeout {
  const call = aiforgeCall(deps.chains.get(chain), "withdraw", [address as Address, amount]);
  return { kind: "credit", chain, member: address, amount, ...plain, call };
}

/** A deposit whose delay is over becomes credit, which then is withdrawn. */
function fromDeposit(deps: Deps, { chain, payer, amount }: Deposit): Takeout {
  const call = aiforgeCall(deps.chains.get(chain), "withdrawUsage", [payer as Address]);
  return { kind: "usage", chain, member: payer, amount, ...plain, call };
}

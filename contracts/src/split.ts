import { type Address, encodeAbiParameters, type Hex, isAddress, keccak256, zeroAddress } from "viem";
import { FEES } from "./fees.ts";

/** Who shares a stream of revenue: members and, in the same order, their shares in basis points. */
export interface Split {
  members: readonly Address[];
  bps: readonly number[];
}

export type SplitErrorCode =
  | "members_out_of_range"
  | "shares_not_matched"
  | "invalid_member"
  | "duplicate_member"
  | "invalid_share"
  | "shares_do_not_sum";

/** The split breaks a rule of the contract. `member` is the position of the offender, where there is one. */
export class SplitError extends Error {
  override name = "SplitError";
  readonly code: SplitErrorCode;
  readonly member: number | null;
  constructor(code: SplitErrorCode, message: string, member: number | null = null) {
    super(message);
    this.code = code;
    this.member = member;
  }
}

/** The most members that a split may have. */
export const MAX_MEMBERS = 100;

/**
 * The id of a split on chain: `keccak256(abi.encode(members, bps))`.
 * @throws {SplitError} when the contract would refuse the split.
 */
export function splitId(split: Split): Hex {
  assertSplit(split);
  return keccak256(
    encodeAbiParameters([{ type: "address[]" }, { type: "uint16[]" }], [split.members, split.bps]),
  );
}

/**
 * Holds a split to the contract's rules: 1 to 100 members, none zero, none twice, every share a positive whole number
 * of basis points, all of them 10,000.
 * @throws {SplitError}
 */
export function assertSplit({ members, bps }: Split): void {
  const whole = Number(FEES.bps);
  if (members.length < 1 || members.length > MAX_MEMBERS) {
    throw new SplitError(
      "members_out_of_range",
      `A split has 1 to ${MAX_MEMBERS} members, not ${members.length}`,
    );
  }
  if (members.length !== bps.length) {
    throw new SplitError("shares_not_matched", `${members.length} members but ${bps.length} shares`);
  }
  const seen = new Set<string>();
  for (const [position, member] of members.entries()) {
    const share = bps[position] as number;
    if (!isAddress(member, { strict: false }) || member === zeroAddress) {
      throw new SplitError("invalid_member", `Not a wallet address: ${member}`, position);
    }
    if (seen.has(member.toLowerCase())) {
      throw new SplitError("duplicate_member", `${member} is in the split twice`, position);
    }
    seen.add(member.toLowerCase());
    if (!Number.isInteger(share) || share < 1 || share > whole) {
      throw new SplitError("invalid_share", `A share is 1 to ${whole} basis points, not ${share}`, position);
    }
  }
  const sum = bps.reduce((total, share) => total + share, 0);
  if (sum !== whole) {
    throw new SplitError("shares_do_not_sum", `The shares sum to ${sum} basis points, not ${whole}`);
  }
}

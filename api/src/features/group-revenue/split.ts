import { assertSplit, type Split, SplitError, splitId } from "@aiforge/contracts";
import type { Chain } from "../../chain/chains.ts";
import { addressIn } from "../auth/shapes.ts";
import { contractAsMember, splitRefused } from "./errors.ts";
import type { SplitMember } from "./schema.ts";

/** Members as the contract takes them. */
export const toSplit = (members: readonly SplitMember[]): Split => ({
  members: members.map(({ address }) => address),
  bps: members.map(({ bps }) => bps),
});

/**
 * Holds members and shares to the contract's rules.
 * @param input addresses in any form, Tron's included
 * @param contracts addresses of AIForge, which the contract refuses as a member
 * @returns members with addresses as 0x and lower case, and the split's id on chain
 * @throws AppError (400) with the broken rule as its code
 */
export function readSplit(
  input: readonly { address: string; bps: number }[],
  contracts: readonly Pick<Chain, "aiforge">[],
): { splitId: string; members: SplitMember[] } {
  const members = input.map(({ address, bps }) => ({
    // What is no address is refused below, with its place in the list.
    address: addressIn(address) ?? (address.toLowerCase() as `0x${string}`),
    bps,
  }));
  try {
    assertSplit(toSplit(members));
  } catch (error) {
    if (error instanceof SplitError) throw splitRefused(error);
    throw error;
  }
  for (const [at, { address }] of members.entries()) {
    if (contracts.some(({ aiforge }) => aiforge.toLowerCase() === address)) throw contractAsMember(at);
  }
  return { splitId: splitId(toSplit(members)), members };
}

import { MAX_MEMBERS, TronAddressError, tronAddress } from "@aiforge/contracts";
import { isAddress, zeroAddress } from "viem";
import type { GroupMember, Share } from "../api/types.ts";
import { isTron, localForm } from "../wallet/names.ts";

/** A row of the split editor, as typed. */
export interface SplitRow {
  address: string;
  percent: string;
  /** Whose share it is, where a row begins without a wallet. */
  name?: string;
}

export interface SplitCheck {
  /** What is wrong with each row, in words; null where nothing is. */
  rows: { address: string | null; percent: string | null }[];
  /** The sum of the readable shares, in basis points. */
  sum: number;
  /** What is wrong with the whole, in words. */
  problem: string | null;
  /** The split, when it may be used. */
  shares: Share[] | null;
}

/** A percentage with up to two decimals as basis points, or null. */
export function readPercent(text: string): number | null {
  const match = /^\s*(\d{1,3})(?:[.,](\d{1,2}))?\s*%?\s*$/.exec(text);
  if (!match) return null;
  return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
}

/** Holds a draft to the contract's rules while it is typed; the contract and the API hold it again. */
export function checkSplit(rows: readonly SplitRow[]): SplitCheck {
  const seen = new Map<string, number>();
  let sum = 0;
  const checked = rows.map(({ address, percent }, position) => {
    const key = plainAddress(address).toLowerCase();
    const bps = readPercent(percent);
    if (bps !== null) sum += bps;
    const earlier = seen.get(key);
    if (key && earlier === undefined) seen.set(key, position);
    return { address: addressProblem(plainAddress(address), earlier), percent: percentProblem(percent, bps) };
  });
  const problem = wholeProblem(rows.length, sum);
  const clean = !problem && checked.every((row) => !row.address && !row.percent);
  const shares = clean
    ? rows.map(({ address, percent }) => ({
        address: plainAddress(address) as Share["address"],
        bps: readPercent(percent) as number,
      }))
    : null;
  return { rows: checked, sum, problem, shares };
}

/** An address of Tron in the form that it has in a contract; anything else as it was typed. */
function plainAddress(text: string): string {
  const typed = text.trim();
  if (!typed.startsWith("T")) return typed;
  try {
    return tronAddress(typed);
  } catch (error) {
    if (error instanceof TronAddressError) return typed;
    throw error;
  }
}

/** Whether two addresses are the same account, each as Ethereum or as Tron writes it. */
export const sameAddress = (one: string, other: string): boolean =>
  plainAddress(one).toLowerCase() === plainAddress(other).toLowerCase();

function addressProblem(address: string, earlier: number | undefined): string | null {
  if (!address) return "Enter a wallet address.";
  if (!isAddress(address, { strict: false }))
    return "This is not a wallet address (0x and 40 characters, or T and 33).";
  // Mixed case carries a checksum (EIP-55), so a slip of the finger shows before money goes to nobody.
  const plain = address.toLowerCase();
  if (address !== plain && !isAddress(address))
    return "Check this address again: its checksum does not match.";
  if (plain === zeroAddress) return "Nobody holds the zero address.";
  if (earlier !== undefined) return `This wallet is already in row ${earlier + 1}.`;
  return null;
}

function percentProblem(text: string, bps: number | null): string | null {
  if (!text.trim()) return "Enter a share.";
  if (bps === null) return "A share is a percentage with at most two decimals.";
  if (bps === 0) return "A share must be more than zero.";
  if (bps > 10_000) return "A share is at most 100 %.";
  return null;
}

function wholeProblem(count: number, sum: number): string | null {
  if (count === 0) return "Add at least one wallet.";
  if (count > MAX_MEMBERS) return `A split has at most ${MAX_MEMBERS} wallets.`;
  if (sum < 10_000) return `${percent(10_000 - sum)} % is still to be given out.`;
  if (sum > 10_000) return `${percent(sum - 10_000)} % too much is given out.`;
  return null;
}

function percent(bps: number): string {
  return (bps / 100).toFixed(2).replace(/\.?0+$/, "");
}

/** Rows for people who share alike: the remainder of a hundredth of a percent goes to the first. */
export function evenRows(addresses: readonly string[]): SplitRow[] {
  if (addresses.length === 0) return [];
  const each = Math.floor(10_000 / addresses.length);
  const rest = 10_000 - each * addresses.length;
  return addresses.map((address, i) => ({ address, percent: percent(i === 0 ? each + rest : each) }));
}

/**
 * A stored split as rows to edit.
 * @param chain CAIP-2 id of the chain whose way of writing addresses they are in
 */
export function rowsOf(shares: readonly Share[], chain?: string | null): SplitRow[] {
  return shares.map(({ address, bps }) => ({ address: localForm(address, chain), percent: percent(bps) }));
}

/** Whether two CAIP-2 ids are of the same kind of chain: what one signs for there, one signs for here. */
export const sameKind = (one: string, other: string | null | undefined): boolean =>
  isTron(one) === isTron(other);

/**
 * The rows of a new split: everybody in the group who has a wallet, alike. Who has none of that chain's kind gets an
 * empty row, since nobody may hold the key of the same account on the other one.
 * @param chain CAIP-2 id of the chain that the split will be on
 */
export function memberRows(
  members: readonly Pick<GroupMember, "name" | "wallets">[],
  chain: string | null | undefined,
): SplitRow[] {
  const known = members.filter(({ wallets }) => wallets.length > 0);
  if (known.length === 0) return [{ address: "", percent: "100" }];
  const own = known.map(({ wallets }) => wallets.find((wallet) => sameKind(wallet.chain, chain)));
  const rows = evenRows(own.map((wallet) => (wallet ? localForm(wallet.address, wallet.chain) : "")));
  return rows.map((row, i) => (row.address ? row : { ...row, name: (known[i] as GroupMember).name }));
}

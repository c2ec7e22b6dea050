import { FEES } from "@aiforge/contracts";
import type { JobDispute } from "../api/types.ts";
import { readPrice } from "../money/money.ts";

/** What becomes of a disputed price, in micro-USDT; rounded as the contract rounds. */
export interface Division {
  /** To the node, the fee taken off. */
  node: bigint;
  fee: bigint;
  client: bigint;
}

/** @param nodeBps the node's part of the price, the platform's fee in it, in basis points */
export function divide(price: bigint, nodeBps: number): Division {
  const paid = (price * BigInt(nodeBps)) / FEES.bps;
  const fee = (paid * FEES.jobBps) / FEES.bps;
  return { node: paid - fee, fee, client: price - paid };
}

export type ShareUnit = "percent" | "usdt";

/**
 * The node's part as an admin types it, "33.33" of a hundred or "2.50" USDT of the price, in basis points; or why not.
 * An amount between two basis points is the nearer one.
 */
export function readShare(
  text: string,
  unit: ShareUnit,
  price: bigint,
): { bps: number } | { problem: string } {
  if (!text.trim()) return { problem: "Enter the node's part; 0 gives all of it back." };
  // Both are read as exact decimals; a percentage has at most two.
  const read = readPrice(text);
  if ("problem" in read) return { problem: "Write a number such as 50 or 33.33." };
  if (unit === "percent") {
    if (read.micro > 100_000_000n) return { problem: "A part is at most 100 %." };
    if (read.micro % 10_000n !== 0n) return { problem: "A percentage has at most two decimals." };
    return { bps: Number(read.micro / 10_000n) };
  }
  if (read.micro > price) return { problem: "That is more than the price." };
  return { bps: Number((read.micro * FEES.bps * 2n + price) / (price * 2n)) };
}

/** The same part in the other unit, for whoever switches. */
export function writeShare(bps: number, unit: ShareUnit, price: bigint): string {
  const micro = unit === "percent" ? BigInt(bps) * 10_000n : (price * BigInt(bps)) / FEES.bps;
  const text = `${micro / 1_000_000n}.${String(micro % 1_000_000n).padStart(6, "0")}`;
  return text.replace(/\.?0+$/, "");
}

/** Who disputed, to the client, to the node's owner, or to an admin. */
export function disputedBy({ side }: Pick<JobDispute, "side">, reader: "client" | "node" | "admin"): string {
  if (side === "operator") return "AIForge's operator";
  return reader === "client" ? "you" : "the client";
}

/** Time that is left, roughly: "6 days", "3 hours"; null when it is over. */
export function timeLeft(until: string, now: number): string | null {
  const minutes = Math.floor((Date.parse(until) - now) / 60_000);
  if (minutes < 0) return null;
  const [count, unit] =
    minutes >= 2 * 1440
      ? [Math.floor(minutes / 1440), "day"]
      : minutes >= 120
        ? [Math.floor(minutes / 60), "hour"]
        : [minutes, "minute"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

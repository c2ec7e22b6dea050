import type { Job } from "@aiforge/contracts";
import { chainNow } from "../publishing/onchain.ts";
import type { jobs } from "./schema.ts";
import type { JobTerms } from "./shapes.ts";

type Row = Pick<typeof jobs.$inferSelect, "wallet" | "account" | "specHash" | "price" | "deadline" | "salt">;

/** A job as the contract takes it. */
export function contractJob(row: Row): Job {
  return {
    client: row.wallet as `0x${string}`,
    account: row.account as `0x${string}`,
    specification: row.specHash as `0x${string}`,
    price: row.price,
    deadline: unixSeconds(row.deadline),
    salt: row.salt as `0x${string}`,
  };
}

/** The same as JSON. */
export function jobTerms(row: Row): JobTerms {
  const job = contractJob(row);
  return { ...job, price: job.price.toString() };
}

export const unixSeconds = (time: Date): number => Math.floor(time.getTime() / 1000);

/** The time by which the chain of an escrow will judge what is sent now. */
export const chainDate = (found: { headTime: bigint | null } | undefined): Date =>
  new Date(Number(chainNow(found?.headTime ?? 0n)) * 1000);

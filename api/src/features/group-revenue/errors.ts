import type { SplitError, SplitErrorCode } from "@aiforge/contracts";
import { AppError, notFound } from "../../core/errors.ts";

const HINTS: Record<SplitErrorCode, string> = {
  members_out_of_range: "Name 1 to 100 members.",
  shares_not_matched: "Give each member one share.",
  invalid_member: "A member is a wallet: 0x and 40 hexadecimal digits, not the zero address.",
  duplicate_member: "Name each wallet once, with the sum of its shares.",
  invalid_share: "Leave out who gets nothing; 1 % is 100 basis points.",
  shares_do_not_sum: "The shares of all members sum to exactly 10,000 basis points (100 %).",
};

/** A rule of splits that is broken, under the rule's own code: `duplicate_member`, `shares_do_not_sum`, … */
export const splitRefused = (error: SplitError) =>
  new AppError(error.code, 400, `${error.message}.`, {
    hint: HINTS[error.code],
    details: { field: error.member === null ? "members" : `members.${error.member}`, member: error.member },
    cause: error,
  });

export const contractAsMember = (member: number) =>
  new AppError("invalid_member", 400, "The AIForge contract cannot be a member of a split.", {
    hint: HINTS.invalid_member,
    details: { field: `members.${member}`, member },
  });

export const notPublished = () => notFound("A published model of this id");

export const monthNotOver = (month: string) =>
  new AppError("month_not_over", 409, `${month} is not over yet.`, {
    hint: "A month ends, in UTC, when a block of the next one is confirmed.",
    retryable: true,
  });

export const poolNotSettled = (month: string, state: string) =>
  new AppError(
    "pool_not_settled",
    409,
    `The creators' pool of ${month} is not settled yet: it is ${state}.`,
    {
      hint: "A root pays two days after it was posted; until then it can be vetoed.",
      retryable: true,
    },
  );

import type { SplitError, SplitErrorCode } from "@aiforge/contracts";
import { AppError } from "../../core/errors.ts";

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

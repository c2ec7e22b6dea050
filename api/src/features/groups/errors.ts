import { AppError } from "../../core/errors.ts";

export const MAX_MEMBERS = 200;

export const lastOwner = () =>
  new AppError("last_owner", 409, "A group keeps at least one owner.", {
    hint: "Make another member an owner first.",
  });

export const notAnOwner = () =>
  new AppError("not_an_owner", 403, "Only an owner of the group can do this.", {
    hint: "Ask an owner of the group.",
  });

export const personalGroup = () =>
  new AppError("personal_group", 409, "Your personal group has no other members.", {
    hint: "Create a group to work with others.",
  });

export const unknownInvitee = (how: "wallet" | "e-mail address") =>
  new AppError("unknown_user", 404, `Nobody here uses this ${how}.`, {
    hint: "Ask them to sign in once, then add them.",
  });

export const groupFull = () =>
  new AppError("group_full", 409, `A group has at most ${MAX_MEMBERS} members.`, {
    details: { limit: MAX_MEMBERS },
  });

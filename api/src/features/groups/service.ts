import { notFound } from "../../core/errors.ts";
import type { Executor } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { revokePublishing } from "../publishing/revoke.ts";
import { groupFull, lastOwner, MAX_MEMBERS, notAnOwner, personalGroup, unknownInvitee } from "./errors.ts";
import * as queries from "./queries.ts";
import type { GroupRole } from "./schema.ts";

interface MemberWallet {
  address: string;
  /** CAIP-2. */
  chain: string;
}

export interface GroupView {
  id: string;
  name: string;
  /** The caller's role. */
  role: GroupRole;
  /** True for the group that every user has for themself alone. */
  personal: boolean;
  members: { userId: string; name: string; role: GroupRole; wallets: MemberWallet[] }[];
  createdAt: string;
}

type Invitee = { wallet: string } | { email: string };

/**
 * The caller's role in a group.
 * @throws AppError `not_found` (404), the same for no such group and for somebody else's
 */
export async function requireMember(
  deps: Deps,
  userId: string,
  groupId: string,
): Promise<{ role: GroupRole }> {
  const membership = await queries.membershipOf(deps.db, userId, groupId);
  if (!membership) throw notFound("The group");
  return { role: membership.role };
}

/** Ids of all groups of a user, the oldest (their personal one) first. */
export function groupIdsOf(deps: Deps, userId: string): Promise<string[]> {
  return queries.groupIdsOfUser(deps.db, userId);
}

/** Gives a new user their own group; call it in the transaction that creates the user. */
export function createPersonalGroup(db: Executor, user: { id: string; name: string }): Promise<string> {
  return queries.insertGroup(db, { name: user.name, ownerId: user.id, personal: true });
}

export async function createGroup(deps: Deps, userId: string, name: string): Promise<GroupView> {
  const id = await deps.db.transaction((tx) =>
    queries.insertGroup(tx, { name, ownerId: userId, personal: false }),
  );
  return getGroup(deps, userId, id);
}

export async function listGroups(deps: Deps, userId: string): Promise<GroupView[]> {
  return viewGroups(deps, userId, await groupIdsOf(deps, userId));
}

/** @throws AppError `not_found` (404) */
export async function getGroup(deps: Deps, userId: string, groupId: string): Promise<GroupView> {
  await requireMember(deps, userId, groupId);
  const [view] = await viewGroups(deps, userId, [groupId]);
  if (!view) throw notFound("The group");
  return view;
}

/**
 * Adds a user who exists already, or changes the role of a member. Owners only.
 * @throws AppError `not_found`, `not_an_owner`, `personal_group`, `unknown_user`, `last_owner`, `group_full`,
 *   `chain_unavailable`
 */
export async function addMember(
  deps: Deps,
  userId: string,
  groupId: string,
  invitee: Invitee,
  role: GroupRole,
): Promise<GroupView> {
  await deps.db.transaction(async (tx) => {
    const group = await queries.lockGroup(tx, groupId);
    await requireOwner(tx, userId, groupId);
    if (group?.personalOf) throw personalGroup();
    const invitedId =
      "wallet" in invitee
        ? await queries.userIdByWallet(tx, invitee.wallet)
        : await queries.userIdByEmail(tx, invitee.email);
    if (!invitedId) throw unknownInvitee("wallet" in invitee ? "wallet" : "e-mail address");
    const before = await queries.membershipOf(tx, invitedId, groupId);
    if (!before && (await queries.memberCount(tx, groupId)) >= MAX_MEMBERS) throw groupFull();
    await queries.upsertMember(tx, groupId, invitedId, role);
    if ((await queries.ownerCount(tx, groupId)) === 0) throw lastOwner();
    if (role === "member") await revokePublishing(deps, tx, { groupId, userId: invitedId });
  });
  return getGroup(deps, userId, groupId);
}

/**
 * Removes a member (owners only) or leaves (oneself).
 * @returns the group as the caller sees it afterwards, null when the caller left
 * @throws AppError `not_found`, `not_an_owner`, `last_owner`, `chain_unavailable`
 */
export async function removeMember(
  deps: Deps,
  userId: string,
  groupId: string,
  memberId: string,
): Promise<GroupView | null> {
  await deps.db.transaction(async (tx) => {
    await queries.lockGroup(tx, groupId);
    if (memberId !== userId) await requireOwner(tx, userId, groupId);
    const member = await queries.membershipOf(tx, memberId, groupId);
    if (!member) throw notFound(memberId === userId ? "The group" : "The member");
    await queries.deleteMember(tx, groupId, memberId);
    if ((await queries.ownerCount(tx, groupId)) === 0) throw lastOwner();
    await revokePublishing(deps, tx, { groupId, userId: memberId });
  });
  return memberId === userId ? null : getGroup(deps, userId, groupId);
}

async function requireOwner(db: Executor, userId: string, groupId: string): Promise<void> {
  const membership = await queries.membershipOf(db, userId, groupId);
  if (!membership) throw notFound("The group");
  if (membership.role !== "owner") throw notAnOwner();
}

async function viewGroups(deps: Deps, userId: string, ids: string[]): Promise<GroupView[]> {
  if (ids.length === 0) return [];
  const [rows, memberRows] = await Promise.all([
    queries.groupRows(deps.db, ids),
    queries.memberRows(deps.db, ids),
  ]);
  return rows.flatMap((row) => {
    const members = new Map<string, GroupView["members"][number]>();
    for (const { groupId, userId: memberId, name, role, wallet } of memberRows) {
      if (groupId !== row.id) continue;
      const member = members.get(memberId) ?? { userId: memberId, name, role, wallets: [] };
      if (wallet) member.wallets.push(wallet);
      members.set(memberId, member);
    }
    const self = members.get(userId);
    if (!self) return [];
    return {
      id: row.id,
      name: row.name,
      role: self.role,
      personal: row.personalOf !== null,
      members: [...members.values()],
      createdAt: row.createdAt.toISOString(),
    };
  });
}

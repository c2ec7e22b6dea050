import { and, asc, count, eq, inArray } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { user } from "../auth/schema.ts";
import { wallets } from "../wallets/schema.ts";
import { type GroupRole, groupMembers, groups } from "./schema.ts";

export async function insertGroup(
  db: Executor,
  { name, ownerId, personal }: { name: string; ownerId: string; personal: boolean },
): Promise<string> {
  const [row] = await db
    .insert(groups)
    .values({ name, personalOf: personal ? ownerId : null })
    .returning({ id: groups.id });
  await db.insert(groupMembers).values({ groupId: row!.id, userId: ownerId, role: "owner" });
  return row!.id;
}

export async function membershipOf(db: Executor, userId: string, groupId: string) {
  const [row] = await db
    .select({
      role: groupMembers.role,
      name: groups.name,
      personalOf: groups.personalOf,
      createdAt: groups.createdAt,
    })
    .from(groupMembers)
    .innerJoin(groups, eq(groups.id, groupMembers.groupId))
    .where(and(eq(groupMembers.groupId, groupId), eq(groupMembers.userId, userId)));
  return row;
}

export async function groupIdsOfUser(db: Executor, userId: string): Promise<string[]> {
  const rows = await db
    .select({ id: groupMembers.groupId })
    .from(groupMembers)
    .innerJoin(groups, eq(groups.id, groupMembers.groupId))
    .where(eq(groupMembers.userId, userId))
    .orderBy(asc(groups.createdAt), asc(groups.id));
  return rows.map(({ id }) => id);
}

export function groupRows(db: Executor, ids: string[]) {
  return db
    .select()
    .from(groups)
    .where(inArray(groups.id, ids))
    .orderBy(asc(groups.createdAt), asc(groups.id));
}

/** Members with their wallets; one row a wallet, wallet null for who has none. */
export function memberRows(db: Executor, groupIds: string[]) {
  return db
    .select({
      groupId: groupMembers.groupId,
      userId: groupMembers.userId,
      role: groupMembers.role,
      name: user.name,
      wallet: { address: wallets.address, chain: wallets.chain },
    })
    .from(groupMembers)
    .innerJoin(user, eq(user.id, groupMembers.userId))
    .leftJoin(wallets, eq(wallets.userId, groupMembers.userId))
    .where(inArray(groupMembers.groupId, groupIds))
    .orderBy(asc(groupMembers.joinedAt), asc(groupMembers.userId), asc(wallets.linkedAt), asc(wallets.id));
}

/** Holds the group for the rest of the transaction: membership changes of one group happen one by one. */
export async function lockGroup(db: Executor, groupId: string) {
  const [row] = await db
    .select({ personalOf: groups.personalOf })
    .from(groups)
    .where(eq(groups.id, groupId))
    .for("update");
  return row;
}

export async function ownerCount(db: Executor, groupId: string): Promise<number> {
  const [row] = await db
    .select({ owners: count() })
    .from(groupMembers)
    .where(and(eq(groupMembers.groupId, groupId), eq(groupMembers.role, "owner")));
  return row!.owners;
}

export async function memberCount(db: Executor, groupId: string): Promise<number> {
  const [row] = await db
    .select({ members: count() })
    .from(groupMembers)
    .where(eq(groupMembers.groupId, groupId));
  return row!.members;
}

export async function upsertMember(db: Executor, groupId: string, userId: string, role: GroupRole) {
  await db
    .insert(groupMembers)
    .values({ groupId, userId, role })
    .onConflictDoUpdate({ target: [groupMembers.groupId, groupMembers.userId], set: { role } });
}

export async function deleteMember(db: Executor, groupId: string, userId: string) {
  await db
    .delete(groupMembers)
    .where(and(eq(groupMembers.groupId, groupId), eq(groupMembers.userId, userId)));
}

export async function userIdByEmail(db: Executor, email: string): Promise<string | undefined> {
  const [row] = await db.select({ id: user.id }).from(user).where(eq(user.email, email.toLowerCase()));
  return row?.id;
}

export async function userIdByWallet(db: Executor, address: string): Promise<string | undefined> {
  const [row] = await db
    .select({ id: wallets.userId })
    .from(wallets)
    .where(eq(wallets.address, address.toLowerCase()))
    .limit(1);
  return row?.id;
}

import { and, asc, count, desc, eq, inArray, sql } from "drizzle-orm";
import {
  chainFeeEntries,
  chainHeads,
  chainPlans,
  chainPool,
  chainPoolRoots,
  chainRoles,
  chainSettings,
} from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { user } from "../auth/schema.ts";
import { models } from "../models/schema.ts";
import { wallets } from "../wallets/schema.ts";

/** Whether one of a user's linked wallets holds a role, on the chain that it is linked on. */
export async function holdsRole(
  db: Executor,
  userId: string,
  role: string,
  chain?: string,
): Promise<boolean> {
  const rows = await db
    .select({ account: chainRoles.account })
    .from(wallets)
    .innerJoin(
      chainRoles,
      and(eq(chainRoles.account, wallets.address), eq(chainRoles.chainId, wallets.chain)),
    )
    .where(
      and(
        eq(wallets.userId, userId),
        eq(chainRoles.role, role),
        chain === undefined ? undefined : eq(chainRoles.chainId, chain),
      ),
    )
    .limit(1);
  return rows.length > 0;
}

/** Who holds these roles, with the user whose linked wallet it is. */
export function roleHolders(db: Executor, roles: string[]) {
  return db
    .select({
      chain: chainRoles.chainId,
      role: chainRoles.role,
      address: chainRoles.account,
      userId: user.id,
      userName: user.name,
    })
    .from(chainRoles)
    .leftJoin(wallets, and(eq(wallets.address, chainRoles.account), eq(wallets.chain, chainRoles.chainId)))
    .leftJoin(user, eq(user.id, wallets.userId))
    .where(inArray(chainRoles.role, roles))
    .orderBy(asc(chainRoles.chainId), asc(chainRoles.role), asc(chainRoles.account));
}

/** A chain's figures as mirrored; undefined before the mirror saw the contract. */
export async function chainState(db: Executor, chain: string) {
  const [settings] = await db.select().from(chainSettings).where(eq(chainSettings.chainId, chain));
  const [head] = await db.select().from(chainHeads).where(eq(chainHeads.chainId, chain));
  const [pool] = await db.select().from(chainPool).where(eq(chainPool.chainId, chain));
  const [fees] = await db
    .select({ all: sql<string>`coalesce(sum(${chainFeeEntries.fee}), 0)` })
    .from(chainFeeEntries)
    .where(eq(chainFeeEntries.chainId, chain));
  const plans = await db
    .select()
    .from(chainPlans)
    .where(eq(chainPlans.chainId, chain))
    .orderBy(asc(chainPlans.plan));
  const roots = await db
    .select()
    .from(chainPoolRoots)
    .where(eq(chainPoolRoots.chainId, chain))
    .orderBy(desc(chainPoolRoots.blockNumber), desc(chainPoolRoots.logIndex))
    .limit(24);
  return { settings, head, pool, fees: BigInt(fees!.all), plans, roots };
}

export async function userCount(db: Executor): Promise<number> {
  const [row] = await db.select({ users: count() }).from(user);
  return row!.users;
}

export async function modelCount(db: Executor): Promise<number> {
  const [row] = await db.select({ models: count() }).from(models);
  return row!.models;
}

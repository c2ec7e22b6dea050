import { randomUUID } from "node:crypto";
import { eq } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { account, user } from "./schema.ts";

/** @returns false when the e-mail address is taken */
export async function insertUser(
  db: Executor,
  row: { id: string; name: string; email: string },
): Promise<boolean> {
  const inserted = await db.insert(user).values(row).onConflictDoNothing().returning({ id: user.id });
  return inserted.length > 0;
}

/** A password as better-auth keeps it. `hash`: its own format. */
export async function insertPassword(db: Executor, userId: string, hash: string): Promise<void> {
  await db
    .insert(account)
    .values({ id: randomUUID(), accountId: userId, providerId: "credential", userId, password: hash });
}

/** A user that must exist. */
export async function userRow(db: Executor, by: { id: string } | { email: string }) {
  const [row] = await db
    .select({ id: user.id, name: user.name, email: user.email })
    .from(user)
    .where("id" in by ? eq(user.id, by.id) : eq(user.email, by.email));
  if (!row) throw new Error("The user is gone");
  return row;
}

import { fileURLToPath } from "node:url";
import { migrate as run } from "drizzle-orm/node-postgres/migrator";
import { type Database, openDatabase } from "./client.ts";

/** Brings schema `app` up to date. Several instances may start at once: one migrates, the others wait. */
export async function migrate(db: Database): Promise<void> {
  const client = await db.$client.connect();
  try {
    await client.query("SELECT pg_advisory_lock(7242001)");
    await run(db, {
      migrationsFolder: fileURLToPath(new URL("../../drizzle", import.meta.url)),
      migrationsSchema: "app_migrations",
    });
  } finally {
    await client.query("SELECT pg_advisory_unlock(7242001)");
    client.release();
  }
}

if (import.meta.main) {
  const url = process.env.DATABASE_URL;
  if (!url) throw new Error("DATABASE_URL is missing");
  const db = openDatabase(url);
  await migrate(db);
  await db.$client.end();
}

import { pgSchema } from "drizzle-orm/pg-core";

/** Everything the api owns lives in this Postgres schema; the mirror's tables live elsewhere and are only read. */
export const app = pgSchema("app");

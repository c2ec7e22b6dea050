import { setTimeout as sleep } from "node:timers/promises";
import { getViewConfig, isPgView } from "drizzle-orm/pg-core";
import type { Deps } from "../deps.ts";
import * as views from "./schema.ts";

const LOOK_MS = 500;

const NAMES = Object.values(views)
  .filter((each) => isPgView(each))
  .map((view) => {
    const { schema, name } = getViewConfig(view);
    return `${schema}.${name}`;
  });

const ready = new WeakSet<object>();
const waiting = new WeakSet<object>();

/** Whether the mirror has made its views, which it does at its very first start; without them it cannot be read. */
export async function mirrorStarted({ db }: Pick<Deps, "db">): Promise<boolean> {
  if (ready.has(db)) return true;
  const { rows } = await db.$client.query(
    "SELECT count(*)::int AS missing FROM unnest($1::text[]) name WHERE to_regclass(name) IS NULL",
    [NAMES],
  );
  if (rows[0].missing > 0) return false;
  ready.add(db);
  return true;
}

/**
 * Waits until the mirror can be read, or until `signal`. However many wait, one line says so.
 * @returns whether it can be read
 */
export async function untilMirrored(deps: Pick<Deps, "db" | "log">, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    // What else keeps the database from answering is told by who works with it.
    if (await mirrorStarted(deps).catch(() => true)) return true;
    if (!waiting.has(deps.db)) {
      waiting.add(deps.db);
      deps.log.info("The mirror is starting; payments and distributions wait for it.");
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
  return false;
}

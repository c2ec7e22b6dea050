import { monthText } from "@aiforge/contracts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { walletsOf } from "../wallets/service.ts";
import * as queries from "./queries.ts";

interface Row {
  groupId: string;
  modelId: string;
  name: string;
  month: string;
  fee: bigint;
  creators: bigint;
  pool: bigint;
  mine: bigint;
}

/** What the models of a user's groups earned, the pool's part as the months' distributions say. */
export async function myGroupEarnings(deps: Deps, userId: string) {
  const wallets = (await walletsOf(deps, userId)).map(({ address }) => address as string);
  const groups = await queries.groupsOf(deps.db, userId);
  const ids = groups.map(({ groupId }) => groupId);
  const [earned, shared] = await Promise.all([
    queries.groupEarnings(deps.db, ids, wallets),
    queries.groupPool(deps.db, ids, wallets),
  ]);
  const rows: Row[] = [
    ...earned.map((row) => ({ ...row, pool: 0n })),
    ...shared.map((row) => ({ ...row, month: monthText(row.month), fee: 0n, creators: 0n })),
  ];
  return {
    groups: groups.map((group) => {
      const theirs = rows.filter(({ groupId }) => groupId === group.groupId);
      return {
        ...group,
        ...sums(theirs),
        models: split(theirs, ({ modelId }) => modelId)
          .map((of) => ({ modelId: of[0]!.modelId, name: of[0]!.name, ...sums(of) }))
          .sort((a, b) => a.name.localeCompare(b.name)),
        months: split(theirs, ({ month }) => month)
          .map((of) => ({ month: of[0]!.month, ...sums(of) }))
          .sort((a, b) => (a.month < b.month ? 1 : -1)),
      };
    }),
  };
}

function sums(rows: Row[]) {
  const sum = (of: (row: Row) => bigint) => rows.reduce((total, row) => total + of(row), 0n);
  return {
    gross: usdt(sum((row) => row.creators + row.fee + row.pool)),
    fee: usdt(sum((row) => row.fee)),
    creators: usdt(sum((row) => row.creators)),
    pool: usdt(sum((row) => row.pool)),
    mine: usdt(sum((row) => row.mine)),
  };
}

const split = (rows: Row[], keyOf: (row: Row) => string): Row[][] => [...Map.groupBy(rows, keyOf).values()];

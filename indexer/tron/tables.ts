import { type AnyPgTable, getTableConfig, type PgColumn } from "drizzle-orm/pg-core";
import pg from "pg";
import * as schema from "../evm/ponder.schema.ts";

const id = pg.escapeIdentifier;

/** A column, by the name that handlers use and the one that it has in the database. */
interface MirrorColumn {
  key: string;
  name: string;
  type: string;
  required: boolean;
  column: PgColumn;
}

/** One table of the mirror, as the EVM chains have it. */
export interface MirrorTable {
  name: string;
  columns: MirrorColumn[];
  primary: MirrorColumn[];
  /** Names of the columns of each index. */
  indexes: string[][];
}

function describe(table: AnyPgTable): MirrorTable {
  const config = getTableConfig(table);
  const columns = Object.entries(table)
    .filter(([, column]) => config.columns.includes(column as PgColumn))
    .map(([key, each]) => {
      const column = each as PgColumn;
      return { key, name: column.name, type: column.getSQLType(), required: column.notNull, column };
    });
  const composite = config.primaryKeys[0]?.columns.map(({ name }) => name);
  return {
    name: config.name,
    columns,
    primary: columns.filter(({ name, column }) => composite?.includes(name) ?? column.primary),
    indexes: config.indexes.map((index) =>
      index.config.columns.map((column) => ("name" in column && column.name) || ""),
    ),
  };
}

const tables = new Map<unknown, MirrorTable>(
  // Ponder has a Drizzle of its own, whose tables have the same shape as this one's.
  Object.values(schema).map((table) => [table, describe(table as unknown as AnyPgTable)]),
);

/** Every table of the mirror. */
export const mirrorTables: readonly MirrorTable[] = [...tables.values()];

/** @throws TypeError for what is no table of the mirror */
export function mirrorTable(table: unknown): MirrorTable {
  const found = tables.get(table);
  if (!found) throw new TypeError("Not a table of the mirror");
  return found;
}

/** SQL that makes the tables in a schema, with the columns, types and keys that Ponder gives them. */
export function createTables(schemaName: string): string {
  return mirrorTables
    .flatMap(({ name, columns, primary, indexes }) => {
      const relation = `${id(schemaName)}.${id(name)}`;
      const list = columns.map((each) => `${id(each.name)} ${each.type}${each.required ? " NOT NULL" : ""}`);
      const key = primary.map((each) => id(each.name)).join(", ");
      return [
        `CREATE TABLE ${relation} (${list.join(", ")}, PRIMARY KEY (${key}))`,
        ...indexes.map(
          (names) => `CREATE INDEX ON ${relation} (${names.map((each) => id(each)).join(", ")})`,
        ),
      ];
    })
    .join(";\n");
}

/** SQL that takes every row out of the tables in a schema; who reads meanwhile still finds them. */
export const emptyTables = (schemaName: string): string =>
  mirrorTables.map(({ name }) => `DELETE FROM ${id(schemaName)}.${id(name)}`).join(";\n");

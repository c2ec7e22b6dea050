import pg from "pg";
import { type MirrorTable, mirrorTable, mirrorTables } from "./tables.ts";

/** Reads the stored row that has the primary key of `key`, or null. */
export type ReadRow = (table: MirrorTable, key: Row) => Promise<Row | null>;

/** A row by the names that handlers use, with values as Ponder gives them. */
export type Row = Record<string, unknown>;

/** What became of a row: `stored` is whether the database has one of its key. */
interface Change {
  row: Row | null;
  stored: boolean;
  dirty: boolean;
}

type Changer = Row | ((row: Row) => Row);

const id = pg.escapeIdentifier;

/**
 * The changes that events make to the rows, kept together until they are written at once: the part of Ponder's
 * `context.db` that the handlers use.
 */
export class RowChanges {
  readonly #read: ReadRow;
  readonly #tables = new Map<MirrorTable, Map<string, Change>>();

  constructor(read: ReadRow) {
    this.#read = read;
  }

  /** What handlers get as `context.db`. */
  readonly db = {
    find: async (table: unknown, key: Row): Promise<Row | null> => {
      const { row } = await this.#look(mirrorTable(table), key);
      return row && { ...row };
    },
    insert: (table: unknown) => ({
      values: (values: Row | Row[]) => {
        let insert = (row: Row): Promise<Row | null> => this.#add(mirrorTable(table), row);
        // Runs after the call that may follow with what to do about a row that is there.
        const done = Promise.resolve().then(async () => {
          if (!Array.isArray(values)) return insert(values);
          const rows = [];
          for (const row of values) rows.push(await insert(row));
          return rows;
        });
        return Object.assign(done, {
          onConflictDoNothing: () => {
            insert = (row) => this.#addOr(mirrorTable(table), row, null);
            return done;
          },
          onConflictDoUpdate: (changer: Changer) => {
            insert = (row) => this.#addOr(mirrorTable(table), row, changer);
            return done;
          },
        });
      },
    }),
    update: (table: unknown, key: Row) => ({
      set: async (changer: Changer): Promise<Row> => {
        const found = await this.#look(mirrorTable(table), key);
        if (!found.row) throw new Error(`There is no such row of ${mirrorTable(table).name} to change`);
        return change(mirrorTable(table), found, changer);
      },
    }),
    delete: async (table: unknown, key: Row): Promise<boolean> => {
      const found = await this.#look(mirrorTable(table), key);
      if (!found.row) return false;
      Object.assign(found, { row: null, dirty: true });
      return true;
    },
  };

  /** The new rows of a table. */
  added(name: string): Row[] {
    const table = mirrorTables.find((each) => each.name === name);
    const changes = table ? [...(this.#tables.get(table)?.values() ?? [])] : [];
    return table ? changes.flatMap(({ row, stored }) => (row && !stored ? [toColumns(table, row)] : [])) : [];
  }

  /**
   * Writes what changed.
   * @throws when a row was added that is there already: the same log is never used twice (R11)
   */
  async write(client: pg.ClientBase, schema: string): Promise<void> {
    for (const [table, changes] of this.#tables) {
      const relation = `${id(schema)}.${id(table.name)}`;
      const dirty = [...changes.values()].filter((each) => each.dirty);
      const columns = table.columns.map(({ name }) => id(name)).join(", ");
      const from = `SELECT ${columns} FROM jsonb_populate_recordset(null::${relation}, $1::jsonb)`;
      const rowsOf = (wanted: Change[]) => wanted.flatMap(({ row }) => (row ? [toColumns(table, row)] : []));
      const added = rowsOf(dirty.filter(({ stored }) => !stored));
      if (added.length > 0) {
        await client.query({
          name: `${schema}.${table.name}+`,
          text: `INSERT INTO ${relation} (${columns}) ${from}`,
          values: [JSON.stringify(added)],
        });
      }
      const kept = rowsOf(dirty.filter(({ stored }) => stored));
      const key = table.primary.map(({ name }) => id(name)).join(", ");
      if (kept.length > 0) {
        const set = table.columns.map(({ name }) => `${id(name)} = excluded.${id(name)}`).join(", ");
        await client.query({
          name: `${schema}.${table.name}=`,
          text: `INSERT INTO ${relation} (${columns}) ${from} ON CONFLICT (${key}) DO UPDATE SET ${set}`,
          values: [JSON.stringify(kept)],
        });
      }
      const gone = [...changes].flatMap(([text, { row, stored }]) => (!row && stored ? [text] : []));
      for (const text of gone) {
        const where = table.primary.map(({ name }, at) => `${id(name)} = $${at + 1}`).join(" AND ");
        await client.query(`DELETE FROM ${relation} WHERE ${where}`, JSON.parse(text));
      }
    }
  }

  async #look(table: MirrorTable, key: Row): Promise<Change> {
    const changes = this.#changesOf(table);
    const text = keyText(table, key);
    const known = changes.get(text);
    if (known) return known;
    const row = await this.#read(table, key);
    const found: Change = { row, stored: row !== null, dirty: false };
    changes.set(text, found);
    return found;
  }

  async #add(table: MirrorTable, row: Row): Promise<Row> {
    const changes = this.#changesOf(table);
    const text = keyText(table, row);
    const known = changes.get(text);
    if (known?.row) throw new Error(`There is such a row of ${table.name} already: ${text}`);
    const added = toRow(table, row);
    changes.set(text, { row: added, stored: known?.stored ?? false, dirty: true });
    return { ...added };
  }

  async #addOr(table: MirrorTable, row: Row, changer: Changer | null): Promise<Row | null> {
    const found = await this.#look(table, row);
    if (found.row) return changer && change(table, found, changer);
    const added = toRow(table, row);
    Object.assign(found, { row: added, dirty: true });
    return { ...added };
  }

  #changesOf(table: MirrorTable): Map<string, Change> {
    const changes = this.#tables.get(table) ?? new Map<string, Change>();
    this.#tables.set(table, changes);
    return changes;
  }
}

function change(table: MirrorTable, found: Change, changer: Changer): Row {
  const before = found.row ?? {};
  const set = typeof changer === "function" ? changer({ ...before }) : changer;
  const defined = Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined));
  const row = toRow(table, { ...before, ...defined });
  Object.assign(found, { row, dirty: true });
  return { ...row };
}

/** A value as JSON can carry it to the database; bigint as text. */
function encode({ type, column }: MirrorTable["columns"][number], value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (type === "jsonb") return value;
  const driver = column.mapToDriverValue(value);
  return typeof driver === "bigint" ? String(driver) : driver;
}

/** The row as the database would give it back: hex in lower case, null for what is left out. */
function toRow(table: MirrorTable, row: Row): Row {
  return Object.fromEntries(
    table.columns.map((column) => {
      const value = encode(column, row[column.key]);
      return [
        column.key,
        value === null || column.type === "jsonb" ? value : column.column.mapFromDriverValue(value),
      ];
    }),
  );
}

function toColumns(table: MirrorTable, row: Row): Row {
  return Object.fromEntries(table.columns.map((column) => [column.name, encode(column, row[column.key])]));
}

/** The primary key as text: the driver's values of its columns, as JSON. */
const keyText = (table: MirrorTable, row: Row): string =>
  JSON.stringify(table.primary.map((column) => encode(column, row[column.key])));

/** Reads rows from the tables of a schema. */
export function rowsIn(client: pg.ClientBase, schema: string): ReadRow {
  return async (table, key) => {
    const where = table.primary.map(({ name }, at) => `${id(name)} = $${at + 1}`).join(" AND ");
    const { rows } = await client.query<Row>({
      name: `${schema}.${table.name}`,
      text: `SELECT * FROM ${id(schema)}.${id(table.name)} WHERE ${where}`,
      values: table.primary.map((column) => encode(column, key[column.key])),
    });
    const found = rows[0];
    if (!found) return null;
    return Object.fromEntries(
      table.columns.map((column) => {
        const value = found[column.name];
        return [
          column.key,
          value === null || column.type === "jsonb" ? value : column.column.mapFromDriverValue(value),
        ];
      }),
    );
  };
}

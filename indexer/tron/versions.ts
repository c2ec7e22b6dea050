import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { CONTRACTS, EVM_ROOT, hashSources } from "../src/build.ts";
import type { TronSources } from "./config.ts";
import { ROWS_SCHEMA_PREFIX } from "./shown.ts";

const TRON_ROOT = fileURLToPath(new URL(".", import.meta.url));

/** What is scanned, in one line: where it differs, what was scanned is of no use. */
export const sourcesOf = (chainId: string, { aiforge, usdt, cashier, startBlock }: TronSources): string =>
  [chainId, aiforge, cashier && usdt, cashier, startBlock].join("|");

/** Name of the schema with the rows that this code makes of what is scanned. */
export function rowsSchema(chainId: string, sources: TronSources): string {
  const hash = createHash("sha256");
  hashSources(hash, [EVM_ROOT, CONTRACTS, TRON_ROOT]);
  hash.update(sourcesOf(chainId, sources));
  return `${ROWS_SCHEMA_PREFIX}${hash.digest("hex").slice(0, 16)}`;
}

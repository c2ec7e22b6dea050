import { createHash, type Hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { ChainConfig } from "./config.ts";

/** Every schema of a build starts with this, and nothing else may. */
export const BUILD_SCHEMA_PREFIX = "deploy_";

/** Folder of the Ponder project that mirrors the EVM chains. */
export const EVM_ROOT = fileURLToPath(new URL("../evm", import.meta.url));

/** Ponder's own folder. */
const PONDER_ROOT = fileURLToPath(new URL("../..", import.meta.resolve("ponder")));

/** Ponder's command-line entry. */
export const PONDER_BIN = join(PONDER_ROOT, "dist", "esm", "bin", "ponder.js");

const NOT_A_SOURCE = new Set(["node_modules", ".ponder", "generated"]);

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !NOT_A_SOURCE.has(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return sources(path);
      return /\.ts$/.test(path) && !/(\.test|\.d)\.ts$/.test(path) ? [path] : [];
    })
    .sort();
}

/** Folder of the contracts' package. */
export const CONTRACTS = dirname(fileURLToPath(import.meta.resolve("@aiforge/contracts")));

/** Adds the names and contents of all sources in the folders to a hash. */
export function hashSources(hash: Hash, folders: string[]): void {
  for (const folder of folders) {
    for (const path of sources(folder)) {
      hash.update(relative(folder, path).split(sep).join("/")).update("\0");
      hash.update(readFileSync(path)).update("\0");
    }
  }
}

/**
 * Name of the Postgres schema for this build: a hash of everything that decides the rows, which is the
 * handlers, the contracts' package, Ponder's version, and which contract and which wallet's transfers are mirrored from which block.
 */
export function buildSchema(chains: ChainConfig[], root = EVM_ROOT): string {
  const hash = createHash("sha256");
  hashSources(hash, [root, CONTRACTS]);
  const { version }: { version: string } = JSON.parse(
    readFileSync(join(PONDER_ROOT, "package.json"), "utf8"),
  );
  hash.update(version);
  for (const { id, aiforge, startBlock, local, cashier, usdt } of chains) {
    hash.update(`|${id}|${aiforge}|${startBlock}|${local}`);
    if (cashier) hash.update(`|${cashier}|${usdt}`);
  }
  return `${BUILD_SCHEMA_PREFIX}${hash.digest("hex").slice(0, 16)}`;
}

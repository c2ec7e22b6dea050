import pg from "pg";
import { chainClient, endpointOf, getHead } from "./chain.ts";
import type { ChainConfig } from "./config.ts";
import { MirrorFailure } from "./failure.ts";

/**
 * Ponder undoes reorgs of blocks it does not yet call final, but it keeps no hash of the final ones: on a
 * chain that was reset, or that came back without its last seconds, it would carry on from rows of blocks
 * that no longer exist. So beside its tables each build keeps anchors, the hashes of block 1 and of the
 * newest final block, and they are compared with the chain at every start and while running. Block 0 is no
 * anchor: anvil makes up another one each time it loads a saved chain.
 */
const ANCHORS = "_anchors";

/** What a comparison found; `reason` completes the sentence "Indexing again, because …". */
export type Verdict = { agrees: true } | { agrees: false; reason: string };

/** Blocks after which Ponder calls a block final (its `getFinalityBlockCount`). */
function finalityDepth(chainId: number): bigint {
  if ([1, 3, 4, 5, 42, 11155111].includes(chainId)) return 65n;
  if ([137, 80001].includes(chainId)) return 200n;
  if ([42161, 42170, 421611, 421613].includes(chainId)) return 240n;
  return 30n;
}

const table = (schema: string) => `${pg.escapeIdentifier(schema)}.${ANCHORS}`;

async function exists(client: pg.Client, schema: string, relation: string): Promise<boolean> {
  const { rows } = await client.query<{ found: string | null }>("SELECT to_regclass($1) AS found", [
    `${pg.escapeIdentifier(schema)}.${relation}`,
  ]);
  return Boolean(rows[0]?.found);
}

/** Block and time up to which a build's rows of a chain are final, or null before its first block. */
async function finalizedOf(
  client: pg.Client,
  schema: string,
  chainId: number,
): Promise<{ number: bigint; timestamp: bigint } | null> {
  if (!(await exists(client, schema, "_ponder_checkpoint"))) return null;
  const { rows } = await client.query<{ checkpoint: string }>(
    `SELECT finalized_checkpoint AS checkpoint FROM ${pg.escapeIdentifier(schema)}._ponder_checkpoint WHERE chain_id = $1`,
    [chainId],
  );
  const checkpoint = rows[0]?.checkpoint;
  if (!checkpoint) return null;
  return { timestamp: BigInt(checkpoint.slice(0, 10)), number: BigInt(checkpoint.slice(26, 42)) };
}

/** Whether a build has been begun, that is, whether there is anything to compare. */
export const hasAnchors = (client: pg.Client, schema: string): Promise<boolean> =>
  exists(client, schema, ANCHORS);

/** Notes the hashes of a chain's block 1 and of the newest final block, in the build's own schema. */
export async function recordAnchors(client: pg.Client, schema: string, chain: ChainConfig): Promise<void> {
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${pg.escapeIdentifier(schema)}`);
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${table(schema)} (
       chain_id bigint, kind text, number numeric NOT NULL, hash text NOT NULL, PRIMARY KEY (chain_id, kind))`,
  );
  const finalized = await finalizedOf(client, schema, chain.id);
  const wanted: [kind: string, number: bigint][] = [["first", 1n]];
  if (finalized && finalized.number > 0n) wanted.push(["finalized", finalized.number]);
  for (const [kind, number] of wanted) {
    const known = await client.query(
      `SELECT 1 FROM ${table(schema)} WHERE chain_id = $1 AND kind = $2 AND number = $3`,
      [chain.id, kind, number],
    );
    if (known.rowCount) continue;
    const block = await getHead(chainClient(chain), number);
    if (!block) continue;
    await client.query(
      `INSERT INTO ${table(schema)} VALUES ($1, $2, $3, $4)
       ON CONFLICT (chain_id, kind) DO UPDATE SET number = excluded.number, hash = excluded.hash`,
      [chain.id, kind, number, block.hash],
    );
  }
}

/**
 * Compares a build with its chain.
 * @param resuming true before Ponder starts, which refuses a chain whose final block moved back
 * @throws MirrorFailure when a public chain's endpoint is behind the mirror: that is an endpoint to replace,
 *   not a reason to throw away an index that may have taken hours
 */
export async function compare(
  client: pg.Client,
  schema: string,
  chain: ChainConfig,
  { resuming }: { resuming: boolean },
): Promise<Verdict> {
  const rpc = chainClient(chain);
  const { rows: anchors } = await client.query<{ number: string; hash: string }>(
    `SELECT number, hash FROM ${table(schema)} WHERE chain_id = $1 ORDER BY number`,
    [chain.id],
  );
  const head = await getHead(rpc);
  const finalized = await finalizedOf(client, schema, chain.id);
  const behind = async (): Promise<boolean> => {
    if (!finalized) return false;
    if (!head || head.number < finalized.number) return true;
    if (!resuming || finalized.number === 0n) return false;
    const depth = finalityDepth(chain.id);
    const final = await getHead(rpc, head.number > depth ? head.number - depth : 0n);
    return !final || final.timestamp < finalized.timestamp;
  };
  for (const { number, hash } of anchors) {
    const block = await getHead(rpc, BigInt(number));
    if (!block) break; // shorter than the mirror: told apart below
    if (block.hash !== hash)
      return { agrees: false, reason: `block ${number} of ${chain.caip2} is another one` };
  }
  if (finalized && finalized.number > 0n) {
    const block = await getHead(rpc, finalized.number);
    if (block && block.timestamp !== finalized.timestamp) {
      return { agrees: false, reason: `block ${finalized.number} of ${chain.caip2} is another one` };
    }
  }
  if (await behind()) {
    if (chain.local) return { agrees: false, reason: `${chain.caip2} has lost blocks that were mirrored` };
    if (resuming) {
      throw new MirrorFailure(
        `${endpointOf(chain)} is behind what was mirrored from ${chain.caip2}; use an endpoint that is up to date.`,
      );
    }
  }
  return { agrees: true };
}

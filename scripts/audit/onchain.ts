import { auditMonth, type Month, type ReadProgress, readChainRecord } from "@aiforge/contracts";
import { tronTransport } from "@aiforge/contracts/tron";
import { type Address, createPublicClient, http } from "viem";
import { type Finding, no, yes } from "./recompute.ts";

export interface Source {
  rpc: string;
  contract: Address;
  /** Whether that is a Tron node's address, and a contract there. */
  onTron: boolean;
  /** The first block that can hold an event of the contract's; searched when left out. */
  from?: bigint | undefined;
  onProgress?: ((progress: ReadProgress) => void) | undefined;
}

/** Of one question, as many answers are printed. */
const MOST = 50;

/**
 * Holds inputs to the chain itself: the root that was posted and not vetoed and the one before it, the plan purchases,
 * and the split of each model at the month's end.
 * @param earlier the months before, back to one whose root was posted
 */
export async function checkOnChain(
  bytes: Uint8Array,
  earlier: readonly Month[],
  { rpc, contract, onTron, from, onProgress }: Source,
): Promise<Finding[]> {
  const { TRON_PRO_API_KEY: key } = process.env;
  const headers = key ? { "TRON-PRO-API-KEY": key } : undefined;
  const transport = onTron
    ? tronTransport(rpc, { retryCount: 3, ...(headers && { headers }) })
    : http(rpc, { retryCount: 3 });
  const client = createPublicClient({ transport });
  const record = await readChainRecord(client, { aiforge: contract, from }, { onProgress });
  return auditMonth(bytes, record, { earlier }).checks.flatMap(({ id, title, ok, details }) => {
    if (ok) return [yes(`${title}: ${details[0]}`)];
    const missing = id === "previous" && earlier.length === 0 ? [no("Give them with --previous.")] : [];
    const more = details.length > MOST ? [no(`and ${details.length - MOST} more.`)] : [];
    return [...details.slice(0, MOST).map(no), ...more, ...missing];
  });
}

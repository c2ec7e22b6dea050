import {
  aiforgeAbi,
  contentCid,
  type Distribution,
  type DistributionInputs,
  distribute,
  formatUsdt,
  monthText,
  parseInputs,
} from "@aiforge/contracts";
import { type Address, type Hex, type PublicClient, parseEventLogs } from "viem";

/** One question that the audit asks, and its answer. */
export interface Check {
  id: "bytes" | "form" | "root" | "total" | "contract" | "purchases";
  title: string;
  ok: boolean;
  detail: string;
}

/** What the chain says that was posted. Amounts in micro-USDT. */
export interface Posted {
  month: string;
  root: Hex;
  total: bigint;
  cid: string;
}

export interface Audit {
  checks: Check[];
  ok: boolean;
  distribution: Distribution | null;
}

/** Above this many purchases the chain is not asked about each. */
const MAX_LOOKUPS = 500;

/**
 * Reads the root that a transaction posted, from the chain itself.
 * @throws when the transaction is not there, or posted nothing at this contract.
 */
export async function readPosted(client: PublicClient, aiforge: Address, txHash: Hex): Promise<Posted> {
  const receipt = await client.getTransactionReceipt({ hash: txHash });
  const logs = parseEventLogs({ abi: aiforgeAbi, eventName: "RootPosted", logs: receipt.logs });
  const posted = logs.find(({ address }) => address.toLowerCase() === aiforge.toLowerCase());
  if (!posted) throw new Error("The transaction posted no root at this contract.");
  const { month, root, total, cid } = posted.args;
  return { month: monthText(Number(month)), root, total, cid };
}

/**
 * Recomputes a month from its published inputs and holds it to what the chain says. Runs in the browser alone: the
 * platform's own answer is not asked.
 */
export async function audit(
  bytes: Uint8Array,
  posted: Posted,
  chain: { chain: string; aiforge: Address; client: PublicClient },
): Promise<Audit> {
  const cid = contentCid(bytes);
  const checks: Check[] = [
    {
      id: "bytes",
      title: "The file is the one that was published",
      ok: cid === posted.cid,
      detail: cid === posted.cid ? cid : `It has the CID ${cid}; the chain names ${posted.cid}.`,
    },
  ];
  let inputs: DistributionInputs;
  let distribution: Distribution;
  try {
    inputs = parseInputs(bytes);
    distribution = distribute(inputs);
    checks.push({
      id: "form",
      title: "It is in the one form that the inputs may have",
      ok: true,
      detail: `Plan purchases: ${inputs.purchases.length}. Models used: ${inputs.usage.length}.`,
    });
  } catch (error) {
    checks.push({
      id: "form",
      title: "It is in the one form that the inputs may have",
      ok: false,
      detail: error instanceof Error ? error.message : String(error),
    });
    return { checks, ok: false, distribution: null };
  }
  const { root, total } = distribution;
  checks.push(
    {
      id: "root",
      title: "The root computed here is the root on the chain",
      ok: root === posted.root,
      detail: root === posted.root ? root : `Computed ${root}; posted ${posted.root}.`,
    },
    {
      id: "total",
      title: "The sum of all shares is what was posted",
      ok: total === posted.total,
      detail:
        total === posted.total
          ? `${formatUsdt(total)} USDT, all months together.`
          : `Computed ${formatUsdt(total)} USDT; posted ${formatUsdt(posted.total)} USDT.`,
    },
    contractCheck(inputs, posted, chain),
    await purchasesCheck(inputs, chain),
  );
  return { checks, ok: checks.every(({ ok }) => ok), distribution };
}

function contractCheck(
  inputs: DistributionInputs,
  posted: Posted,
  { chain, aiforge }: { chain: string; aiforge: Address },
): Check {
  const ok =
    inputs.chain === chain &&
    inputs.aiforge.toLowerCase() === aiforge.toLowerCase() &&
    inputs.month === posted.month;
  return {
    id: "contract",
    title: "It is of this contract and this month",
    ok,
    detail: `${inputs.month}, ${inputs.chain}, ${inputs.aiforge}`,
  };
}

/** Every purchase in the inputs must be an event of the contract, with the same plan, price and fee. */
async function purchasesCheck(
  { purchases }: DistributionInputs,
  { aiforge, client }: { aiforge: Address; client: PublicClient },
): Promise<Check> {
  const title = "Every plan purchase in it is on the chain";
  if (purchases.length > MAX_LOOKUPS) {
    return {
      id: "purchases",
      title,
      ok: true,
      detail: `Not looked up: ${purchases.length} are too many for a page. The audit command does it.`,
    };
  }
  for (const purchase of purchases) {
    const receipt = await client.getTransactionReceipt({ hash: purchase.txHash }).catch(() => null);
    const event = parseEventLogs({
      abi: aiforgeAbi,
      eventName: "PlanPurchased",
      logs: receipt?.logs ?? [],
    }).find(
      ({ logIndex, address }) =>
        logIndex === purchase.logIndex && address.toLowerCase() === aiforge.toLowerCase(),
    );
    const same =
      event &&
      event.args.plan === purchase.plan &&
      event.args.months === BigInt(purchase.months) &&
      event.args.price === purchase.price &&
      event.args.fee === purchase.fee;
    if (!same) {
      return {
        id: "purchases",
        title,
        ok: false,
        detail: `The chain has no such purchase in ${purchase.txHash}.`,
      };
    }
  }
  return { id: "purchases", title, ok: true, detail: `${purchases.length} of ${purchases.length} found.` };
}

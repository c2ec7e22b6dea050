import {
  aiforgeAbi,
  formatUsdt,
  monthStart,
  monthText,
  type PlanPurchase,
  purchasesOfMonth,
} from "@aiforge/contracts";
import { type Address, createPublicClient, http, type Log, parseEventLogs } from "viem";
import { type Finding, type Month, no, yes } from "./recompute.ts";

/** Blocks asked for at once: public nodes refuse longer ranges. */
const RANGE = 10_000n;

export interface Source {
  rpc: string;
  contract: Address;
  /** The first block that can hold an event of the contract's. */
  from: bigint;
}

/**
 * Holds a month to the chain itself: the root that was posted and not vetoed, the plan purchases, and the split of
 * each model at the month's end.
 */
export async function checkOnChain(month: Month, { rpc, contract, from }: Source): Promise<Finding[]> {
  const client = createPublicClient({ transport: http(rpc, { retryCount: 3 }) });
  const chain = `eip155:${await client.getChainId()}`;
  const { inputs, distribution } = month;
  if (inputs.chain !== chain || inputs.aiforge !== contract.toLowerCase())
    return [no(`The inputs are of ${inputs.aiforge} on ${inputs.chain}, not of ${contract} on ${chain}.`)];
  const head = await client.getBlockNumber();
  const logs: Log<bigint, number, false>[] = [];
  for (let start = from; start <= head; start += RANGE) {
    const end = start + RANGE - 1n;
    const toBlock = end < head ? end : head;
    logs.push(...(await client.getLogs({ address: contract, fromBlock: start, toBlock })));
  }
  const abi = aiforgeAbi;
  const times = new Map<bigint, bigint>();
  const timeOf = async (blockNumber: bigint) => {
    const known = times.get(blockNumber) ?? (await client.getBlock({ blockNumber })).timestamp;
    times.set(blockNumber, known);
    return known;
  };
  const end = monthStart(distribution.month + 1);

  const vetoed = parseEventLogs({ abi, logs, eventName: "RootVetoed" });
  const posts = parseEventLogs({ abi, logs, eventName: "RootPosted" });
  const posted = posts
    .filter(({ args }) => args.month === BigInt(distribution.month))
    .filter(({ args, blockNumber }) => {
      // A veto refuses the post before it; the same root may be posted again after.
      const next = posts.find((post) => post.args.root === args.root && post.blockNumber > blockNumber);
      return !vetoed.some(
        (veto) =>
          veto.args.root === args.root &&
          veto.blockNumber >= blockNumber &&
          (!next || veto.blockNumber <= next.blockNumber),
      );
    })
    .at(-1);
  const findings = [rootFinding(month, posted?.args)];

  const bought: PlanPurchase[] = [];
  for (const log of parseEventLogs({ abi, logs, eventName: "PlanPurchased" })) {
    const blockTimestamp = await timeOf(log.blockNumber);
    if (blockTimestamp >= end) continue;
    const { plan, account, months, price, fee } = log.args;
    bought.push({
      txHash: log.transactionHash,
      logIndex: log.logIndex,
      blockNumber: log.blockNumber,
      blockTimestamp,
      plan,
      account,
      months: Number(months),
      price,
      fee,
    });
  }
  findings.push(...purchaseFindings(month, purchasesOfMonth(bought, distribution.month)));

  const splits = new Map<string, string>();
  const set = [
    ...parseEventLogs({ abi, logs, eventName: "ModelPublished" }),
    ...parseEventLogs({ abi, logs, eventName: "ModelSplitSet" }),
  ];
  set.sort((a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex);
  const used = new Set<string>(inputs.usage.map(({ modelId }) => modelId));
  for (const { blockNumber, args } of set) {
    if (used.has(args.modelId) && (await timeOf(blockNumber)) < end) splits.set(args.modelId, args.splitId);
  }
  const wrong = inputs.usage.filter(({ modelId, splitId }) => splits.get(modelId) !== splitId);
  for (const { modelId, splitId } of wrong)
    findings.push(
      no(
        `Model ${modelId} is paid through split ${splitId}; at the month's end it had ${splits.get(modelId) ?? "none"}.`,
      ),
    );
  if (wrong.length === 0)
    findings.push(yes(`All ${inputs.usage.length} models are paid through the split of the month's end.`));
  return findings;
}

function rootFinding(
  { distribution: { root, total, month, changed } }: Month,
  posted: { root: string; total: bigint; cid: string } | undefined,
): Finding {
  if (!posted)
    return changed
      ? no(`The chain has no root of ${monthText(month)} that was not vetoed.`)
      : yes("Nothing new is owed in this month, and no root of it was posted.");
  if (posted.root !== root) return no(`The chain has the root ${posted.root}; these inputs have ${root}.`);
  if (posted.total !== total)
    return no(
      `The chain has a total of ${formatUsdt(posted.total)}; these inputs have ${formatUsdt(total)} USDT.`,
    );
  return yes(`The chain has this root, its total ${formatUsdt(total)} USDT, and the CID ${posted.cid}.`);
}

function purchaseFindings(
  { inputs: { purchases } }: Month,
  expected: Month["inputs"]["purchases"],
): Finding[] {
  const keyOf = (row: { txHash: string; logIndex: number }) => `${row.txHash} ${row.logIndex}`;
  const text = (row: object) =>
    JSON.stringify(row, (_, value) => (typeof value === "bigint" ? value.toString() : value));
  const there = new Map(expected.map((row) => [keyOf(row), text(row)]));
  const here = new Map(purchases.map((row) => [keyOf(row), text(row)]));
  const findings: Finding[] = [];
  for (const [key, row] of here) {
    const event = there.get(key);
    if (!event) findings.push(no(`The chain has no plan purchase ${key} with a period in this month.`));
    else if (event !== row)
      findings.push(no(`Plan purchase ${key} is ${event} on the chain, ${row} in the inputs.`));
  }
  for (const key of there.keys())
    if (!here.has(key)) findings.push(no(`Plan purchase ${key} of the chain is left out of the inputs.`));
  if (findings.length === 0)
    findings.push(yes(`The plan purchases are the ${expected.length} that the chain has for this month.`));
  return findings;
}

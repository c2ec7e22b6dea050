import { purchasesOfMonth } from "../distribution.ts";
import type { DistributionInputs } from "../distributionInputs.ts";
import { monthIndex, monthOf, monthStart, monthText } from "../month.ts";
import type { ChainRecord } from "./chainRecord.ts";
import { type Month, postOf, takenUpWrongly, usdt } from "./month.ts";

/** What is wrong with the purchases in the inputs: each that the chain does not have so, each of the chain's left out. */
export function purchaseProblems({ purchases, month }: DistributionInputs, record: ChainRecord): string[] {
  const index = monthIndex(month);
  const before = record.purchases.filter(({ blockTimestamp }) => blockTimestamp < monthStart(index + 1));
  const there = byPlace(purchasesOfMonth(before, index));
  const here = byPlace(purchases);
  const problems: string[] = [];
  for (const [place, row] of here) {
    const event = there.get(place);
    if (!event) problems.push(`The chain has no plan purchase ${place} with a period in ${month}.`);
    else if (event !== row)
      problems.push(`Plan purchase ${place} is ${event} on the chain, ${row} in the inputs.`);
  }
  for (const place of there.keys())
    if (!here.has(place)) problems.push(`Plan purchase ${place} of the chain is left out of ${month}.`);
  return problems;
}

const byPlace = (purchases: DistributionInputs["purchases"]): Map<string, string> =>
  new Map(
    purchases.map((row) => [
      `${row.txHash} ${row.logIndex}`,
      JSON.stringify(row, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
    ]),
  );

/** Which models are paid through another split than they had at the month's end. */
export function splitProblems({ usage, month }: DistributionInputs, record: ChainRecord): string[] {
  const end = monthStart(monthIndex(month) + 1);
  const splits = new Map<string, string>();
  for (const { modelId, splitId, time } of record.splits) if (time < end) splits.set(modelId, splitId);
  return usage
    .filter(({ modelId, splitId }) => splits.get(modelId) !== splitId)
    .map(
      ({ modelId, splitId }) =>
        `Model ${modelId} is paid through split ${splitId}; at the month's end it had ${splits.get(modelId) ?? "none"}.`,
    );
}

/**
 * What is wrong with what a month takes up from the one before. The root before must be the one that the chain has. A
 * month that owes nothing new posts none: its own inputs vouch for it then, and its purchases and what it takes up are
 * looked at too, back to a month that was posted.
 * @param earlier the months before, in any order
 */
export function previousProblems(
  inputs: DistributionInputs,
  record: ChainRecord,
  earlier: readonly Month[],
): string[] {
  const { previous } = inputs;
  if (previous.month === null) return firstProblems(inputs, record);
  const index = monthIndex(previous.month);
  const posted = postOf(record, index);
  const last = record.posts.findLast(({ month, vetoed }) => month <= index && !vetoed);
  const problems: string[] = [];
  if (posted && posted.root !== previous.root)
    problems.push(
      `The inputs name ${previous.root} as the root of ${previous.month}; the chain has ${posted.root}.`,
    );
  const owed = previous.cumulative.reduce((sum, { amount }) => sum + amount, 0n);
  if (owed !== (last?.total ?? 0n))
    problems.push(
      `The splits stand at ${usdt(owed)} in all in the inputs; until ${previous.month} the chain has a total of ${usdt(last?.total ?? 0n)}.`,
    );

  const before = earlier.find((month) => month.inputs.month === previous.month);
  if (!before) {
    problems.push(
      `What ${previous.month} carried on and owed to each split is not known without its inputs, which are not here.`,
    );
    return problems;
  }
  if (before.inputs.chain !== inputs.chain || before.inputs.aiforge !== inputs.aiforge)
    problems.push(`The inputs of ${previous.month} are of another contract.`);
  problems.push(...takenUpWrongly(inputs, before));
  if (posted) return problems;
  if (before.distribution.changed)
    problems.push(`${previous.month} owes more than the month before it, but the chain has no root of it.`);
  return [
    ...problems,
    ...purchaseProblems(before.inputs, record),
    // Each step is a month further back, so it ends.
    ...previousProblems(before.inputs, record, earlier),
  ];
}

function firstProblems({ month }: DistributionInputs, { posts, purchases }: ChainRecord): string[] {
  const index = monthIndex(month);
  const problems: string[] = [];
  const posted = posts.findLast((post) => post.month < index && !post.vetoed);
  if (posted)
    problems.push(
      `The inputs of ${month} follow no month; the chain has a root of ${monthText(posted.month)}.`,
    );
  const first = purchases.find(({ blockTimestamp }) => monthOf(blockTimestamp) < index);
  if (first)
    problems.push(
      `The inputs of ${month} follow no month; ${first.txHash} bought a plan in ${monthText(monthOf(first.blockTimestamp))}.`,
    );
  return problems;
}

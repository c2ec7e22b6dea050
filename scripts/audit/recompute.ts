import {
  contentCid,
  type Distribution,
  formatUsdt,
  InputsError,
  type Month,
  poolPart,
  readMonth,
  takenUpWrongly,
} from "@aiforge/contracts";

/** One question of the audit and its answer, in words. */
export interface Finding {
  ok: boolean;
  text: string;
}

export const yes = (text: string): Finding => ({ ok: true, text });
export const no = (text: string): Finding => ({ ok: false, text });

const usdt = (micro: bigint) => `${formatUsdt(micro)} USDT`;
const short = (hash: string) => `${hash.slice(0, 10)}…`;

/** Reads and computes a month. @returns what is wrong with the bytes, in words, when they are no month's inputs */
export function recompute(bytes: Uint8Array): Month | Finding {
  try {
    return readMonth(bytes);
  } catch (error) {
    if (error instanceof InputsError) return no(`These are not the inputs of a month: ${error.message}`);
    throw error;
  }
}

/** How each amount comes about. */
export function explain({ inputs, distribution }: Month): string[] {
  const { previous, purchases, usage } = inputs;
  const { pool, carry, tokens, models, cumulative, total, root } = distribution;
  const periods = purchases.reduce((sum, purchase) => sum + purchase.periods.length, 0);
  const paid = purchases.reduce((sum, purchase) => sum + poolPart(purchase), 0n);
  const before = new Map<string, bigint>(previous.cumulative.map((row) => [row.splitId, row.amount]));
  return [
    `${inputs.month} of ${inputs.aiforge} on ${inputs.chain}.`,
    `Pool: ${usdt(previous.carry)} carried and ${usdt(paid)} of ${periods} plan periods (${purchases.length} purchases): ${usdt(pool)}.`,
    `Use: ${tokens} tokens of ${usage.length} ${usage.length === 1 ? "model" : "models"}.`,
    ...models.map(
      (model) =>
        `  Model ${model.modelId}: ${model.tokens} tokens, ${formatUsdt(pool)} × ${model.tokens} ÷ ${tokens} = ${usdt(model.amount)} to split ${short(model.splitId)}.`,
    ),
    `Carried on: ${usdt(carry)}.`,
    ...cumulative.map(({ splitId, amount }) => {
      const was = before.get(splitId) ?? 0n;
      return `  Split ${splitId} is owed ${usdt(amount)} in its life, ${usdt(amount - was)} of it new.`;
    }),
    `Total: ${usdt(total)}. Root: ${root}`,
  ];
}

/** Whether the root is the one that was given. */
export function checkRoot({ distribution: { root } }: Month, expected: string): Finding {
  return root === expected.toLowerCase()
    ? yes(`The root is the expected one, ${root}.`)
    : no(
        `The root of these inputs is ${root}, not ${expected}: they are not what that root was computed from.`,
      );
}

/** Whether the bytes are those that a CID names. */
export function checkCid(bytes: Uint8Array, expected: string): Finding {
  const cid = contentCid(bytes);
  return cid === expected
    ? yes(`The bytes are those of the CID ${cid}.`)
    : no(`The bytes have the CID ${cid}, not ${expected}: the file is not the one that was published.`);
}

/** Whether a month takes up exactly what the month before left. */
export function checkPrevious({ inputs }: Month, before: Month): Finding[] {
  const { month } = before.inputs;
  if (inputs.previous.month !== month)
    return [no(`The inputs follow ${inputs.previous.month ?? "no month"}; the file given is of ${month}.`)];
  const wrong = takenUpWrongly(inputs, before).map(no);
  if (wrong.length > 0) return wrong;
  return [
    yes(`They take up what ${month} left: its root, ${usdt(before.distribution.carry)} carried, each split.`),
  ];
}

/** What differs between two files of the same month, model by model. */
export function compare(mine: Month, theirs: Month): Finding[] {
  if (mine.distribution.root === theirs.distribution.root) return [yes("Both files have the same root.")];
  const findings = [
    no(`The other file has the root ${theirs.distribution.root}, this one ${mine.distribution.root}.`),
  ];
  if (mine.distribution.pool !== theirs.distribution.pool)
    findings.push(
      no(`Its pool is ${usdt(theirs.distribution.pool)}, here it is ${usdt(mine.distribution.pool)}.`),
    );
  const here = new Map<string, Distribution["models"][number]>(
    mine.distribution.models.map((row) => [row.modelId, row]),
  );
  const there = new Map<string, Distribution["models"][number]>(
    theirs.distribution.models.map((row) => [row.modelId, row]),
  );
  for (const id of new Set([...here.keys(), ...there.keys()])) {
    const [a, b] = [here.get(id), there.get(id)];
    if (!a || !b) {
      const row = (a ?? b)!;
      findings.push(
        no(
          `Model ${id} is only in ${a ? "this" : "the other"} file: ${row.tokens} tokens, ${usdt(row.amount)}.`,
        ),
      );
    } else if (a.tokens !== b.tokens || a.amount !== b.amount || a.splitId !== b.splitId)
      findings.push(
        no(
          `Model ${id}: ${b.tokens} tokens and ${usdt(b.amount)} to ${short(b.splitId)} there, ${a.tokens} tokens and ${usdt(a.amount)} to ${short(a.splitId)} here.`,
        ),
      );
  }
  return findings;
}

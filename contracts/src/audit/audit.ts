import { contentCid } from "../contentCid.ts";
import { InputsError } from "../inputsFields.ts";
import { monthText } from "../month.ts";
import { showTronAddress } from "../tronAddress.ts";
import type { ChainRecord } from "./chainRecord.ts";
import { previousProblems, purchaseProblems, splitProblems } from "./checks.ts";
import { type Month, postOf, readMonth, usdt } from "./month.ts";

/** One question that the audit asks, and its answer. */
export interface Check {
  id: "bytes" | "form" | "root" | "total" | "contract" | "previous" | "purchases" | "splits";
  title: string;
  ok: boolean;
  /** In words: what is wrong, or one sentence of what was found. */
  details: string[];
}

export interface Audit {
  checks: Check[];
  ok: boolean;
  /** Null when the bytes are not the inputs of a month. */
  month: Month | null;
}

export interface AuditOptions {
  /** The month that the inputs have to be of, year * 12 + month - 1; left out, that which they say. */
  month?: number | undefined;
  /** The months before, as {@link readEarlier} gives them. */
  earlier: readonly Month[];
}

/**
 * Recomputes a month of the creators' pool from its published inputs and holds it to what the chain says: the root
 * that pays, the root before, every plan purchase, every model's split. Asks nobody.
 */
export function auditMonth(
  bytes: Uint8Array,
  record: ChainRecord,
  { month: wanted, earlier }: AuditOptions,
): Audit {
  const checks: Check[] = [];
  const check = (id: Check["id"], title: string, problems: string[], found: string) =>
    checks.push({ id, title, ok: problems.length === 0, details: problems.length > 0 ? problems : [found] });

  const read = tryRead(bytes);
  const month = typeof read === "string" ? null : read;
  const index = wanted ?? month?.distribution.month;
  const posted = index === undefined ? undefined : postOf(record, index);
  if (posted) {
    const cid = contentCid(bytes);
    const other = `The file has the CID ${cid}; the chain names ${posted.cid}.`;
    check("bytes", "The file is the one that was published", cid === posted.cid ? [] : [other], cid);
  }
  const form = "It is in the one form that the inputs may have";
  if (!month) {
    check("form", form, [`${read}`], "");
    return { checks, ok: false, month };
  }

  const { inputs, distribution } = month;
  const counts = `Plan purchases: ${inputs.purchases.length}. Models used: ${inputs.usage.length}.`;
  check("form", form, [], counts);
  const { root, total } = distribution;
  const name = monthText(index as number);
  const rootTitle = "The root computed here is the root on the chain";
  if (posted) {
    const otherRoot = `The chain has the root ${posted.root}; these inputs have ${root}.`;
    check("root", rootTitle, posted.root === root ? [] : [otherRoot], root);
    const otherTotal = `The chain has a total of ${usdt(posted.total)}; these inputs have ${usdt(total)}.`;
    check(
      "total",
      "The sum of all shares is what was posted",
      posted.total === total ? [] : [otherTotal],
      `${usdt(total)}, all months together.`,
    );
  } else {
    const refused = record.posts.some((post) => post.month === index && post.vetoed);
    const none = `The chain has no root of ${name} that was not vetoed${refused ? ": an admin refused it" : ""}.`;
    const nothing = "Nothing new is owed in this month, and no root of it was posted.";
    check("root", rootTitle, distribution.changed || refused ? [none] : [], nothing);
  }

  const place = `${inputs.month}, ${contractName(inputs)}`;
  const own =
    inputs.chain === record.chain && inputs.aiforge === record.aiforge && distribution.month === index;
  const elsewhere = `The inputs are of ${place}; this is ${name}, ${contractName(record)}.`;
  check("contract", "It is of this contract and this month", own ? [] : [elsewhere], place);
  check(
    "previous",
    "It goes on from what the month before left",
    previousProblems(inputs, record, earlier),
    inputs.previous.month === null
      ? "No plan was bought before this month: it is the first."
      : `${inputs.previous.month} has the root ${inputs.previous.root} and carried ${usdt(inputs.previous.carry)}.`,
  );
  check(
    "purchases",
    "The plan purchases in it are those of the chain: none left out, none invented",
    purchaseProblems(inputs, record),
    inputs.purchases.length === 1
      ? "The one that the chain has for this month."
      : `All ${inputs.purchases.length} that the chain has for this month.`,
  );
  check(
    "splits",
    "Each model is paid through the split that it had at the month's end",
    splitProblems(inputs, record),
    inputs.usage.length === 1 ? "The one model." : `All ${inputs.usage.length} models.`,
  );
  return { checks, ok: checks.every(({ ok }) => ok), month };
}

function tryRead(bytes: Uint8Array): Month | string {
  try {
    return readMonth(bytes);
  } catch (error) {
    if (error instanceof InputsError) return `These are not the inputs of a month: ${error.message}.`;
    throw error;
  }
}

/** A contract and its chain, the address as that chain's wallets and explorers write it. */
const contractName = ({ chain, aiforge }: Pick<ChainRecord, "chain" | "aiforge">): string =>
  `${chain}, ${chain.startsWith("tron:") ? showTronAddress(aiforge) : aiforge}`;

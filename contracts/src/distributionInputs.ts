import type { Address, Hex } from "viem";
import { FEES } from "./fees.ts";
import { fields, hash, InputsError, indexOf, integer, rows, small, text } from "./inputsFields.ts";
import { monthStart } from "./month.ts";

/** Everything that a month's distribution is computed from. Amounts in micro-USDT, times in unix seconds. */
export interface DistributionInputs {
  /** CAIP-2. */
  chain: string;
  /** The contract, lower-case. */
  aiforge: Address;
  /** "2026-11", UTC. */
  month: string;
  /** How the month before ended; in the first month there is none, and nothing to carry. */
  previous: {
    month: string | null;
    root: Hex | null;
    carry: bigint;
    /** What each split was owed in its life. Sorted by split, none of nothing. */
    cumulative: { splitId: Hex; amount: bigint }[];
  };
  /** Purchases of plans of which a period of 30 days starts in this month. Sorted by transaction and log index. */
  purchases: {
    txHash: Hex;
    logIndex: number;
    /** 1 to 3. */
    plan: number;
    months: number;
    price: bigint;
    fee: bigint;
    /** All its periods that start in this month, the first period of the purchase being number 0. */
    periods: { index: number; start: number }[];
  }[];
  /** What was used of each model under a paid plan in this month. Sorted by model; the split is that of the month's end. */
  usage: { modelId: Hex; splitId: Hex; tokens: bigint }[];
}

/** The most bytes of inputs that are read. */
export const MAX_INPUTS_BYTES = 64 * 1024 ** 2;
const MAX_AMOUNT = 2n ** 64n - 1n;
const MAX_TOKENS = 2n ** 96n - 1n;
const CHAIN = /^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$/;

/**
 * Writes inputs as canonical JSON: ASCII, no space, fields in the documented order, amounts as decimal strings.
 * @throws {InputsError} when they break a rule of the format
 */
export function serializeInputs(inputs: DistributionInputs): string {
  const text = write(inputs);
  parseInputs(text);
  return text;
}

/**
 * Reads canonical inputs. Takes exactly what {@link serializeInputs} writes: one byte more, less or other than that is
 * refused, or is another month's inputs with another root.
 * @throws {InputsError}
 */
export function parseInputs(source: string | Uint8Array): DistributionInputs {
  if (source.length > MAX_INPUTS_BYTES) throw new InputsError("", `More than ${MAX_INPUTS_BYTES} bytes`);
  let text: string;
  let json: unknown;
  try {
    text =
      typeof source === "string"
        ? source
        : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(source);
    json = JSON.parse(text);
  } catch (error) {
    throw new InputsError("", `Not JSON in UTF-8: ${error instanceof Error ? error.message : error}`);
  }
  const inputs = readInputs(json);
  // Spaces, escapes, doubled or reordered fields: whatever JSON lets pass and the writer would not write.
  if (write(inputs) !== text)
    throw new InputsError("", "Not canonical: the same inputs are written otherwise");
  return inputs;
}

function write(inputs: DistributionInputs): string {
  const { chain, aiforge, month, previous, purchases, usage } = inputs;
  return JSON.stringify({
    version: 1,
    chain,
    aiforge,
    month,
    previous: {
      month: previous.month,
      root: previous.root,
      carry: `${previous.carry}`,
      cumulative: previous.cumulative.map(({ splitId, amount }) => ({ splitId, amount: `${amount}` })),
    },
    purchases: purchases.map(({ txHash, logIndex, plan, months, price, fee, periods }) => ({
      txHash,
      logIndex,
      plan,
      months,
      price: `${price}`,
      fee: `${fee}`,
      periods: periods.map(({ index, start }) => ({ index, start })),
    })),
    usage: usage.map(({ modelId, splitId, tokens }) => ({ modelId, splitId, tokens: `${tokens}` })),
  });
}

function readInputs(json: unknown): DistributionInputs {
  const top = fields(json, "", [
    "version",
    "chain",
    "aiforge",
    "month",
    "previous",
    "purchases",
    "usage",
  ] as const);
  if (top.version !== 1) throw new InputsError("version", "Only version 1 is known");
  const month = text(top.month, "month", /^[0-9]{4}-[0-9]{2}$/);
  const index = indexOf(month, "month");
  return {
    chain: text(top.chain, "chain", CHAIN),
    aiforge: text(top.aiforge, "aiforge", /^0x[0-9a-f]{40}$/) as Address,
    month,
    previous: readPrevious(top.previous, index),
    purchases: rows(
      top.purchases,
      "purchases",
      (row, path) => readPurchase(row, path, index),
      comparePurchases,
    ),
    usage: rows(top.usage, "usage", readUsage, (a, b) => compare(a.modelId, b.modelId)),
  };
}

function readPrevious(json: unknown, month: number): DistributionInputs["previous"] {
  const at = "previous";
  const {
    month: before,
    root,
    carry,
    cumulative,
  } = fields(json, at, ["month", "root", "carry", "cumulative"] as const);
  const previous = {
    month: before === null ? null : text(before, `${at}.month`, /^[0-9]{4}-[0-9]{2}$/),
    root: root === null ? null : hash(root, `${at}.root`),
    carry: integer(carry, `${at}.carry`, MAX_AMOUNT),
    cumulative: rows(
      cumulative,
      `${at}.cumulative`,
      (row, path) => {
        const { splitId, amount } = fields(row, path, ["splitId", "amount"] as const);
        const owed = integer(amount, `${path}.amount`, MAX_AMOUNT);
        if (owed === 0n) throw new InputsError(`${path}.amount`, "A split that is owed nothing is left out");
        return { splitId: hash(splitId, `${path}.splitId`), amount: owed };
      },
      (a, b) => compare(a.splitId, b.splitId),
    ),
  };
  if (previous.month === null) {
    if (previous.root !== null || previous.carry > 0n || previous.cumulative.length > 0) {
      throw new InputsError(at, "Without a month before there is no root, carry or cumulative amount");
    }
  } else {
    if (indexOf(previous.month, `${at}.month`) !== month - 1)
      throw new InputsError(`${at}.month`, "Not the month before");
    if (previous.root === null) throw new InputsError(`${at}.root`, "The month before has a root");
  }
  return previous;
}

function readPurchase(json: unknown, at: string, month: number): DistributionInputs["purchases"][number] {
  const row = fields(json, at, ["txHash", "logIndex", "plan", "months", "price", "fee", "periods"] as const);
  const months = small(row.months, `${at}.months`, 1, Number(FEES.maxMonths));
  const price = integer(row.price, `${at}.price`, MAX_AMOUNT);
  const fee = integer(row.fee, `${at}.fee`, MAX_AMOUNT);
  if (fee !== (price * FEES.planBps) / FEES.bps)
    throw new InputsError(`${at}.fee`, "Not the platform's part of the price");
  return {
    txHash: hash(row.txHash, `${at}.txHash`),
    logIndex: small(row.logIndex, `${at}.logIndex`, 0, 2 ** 31 - 1),
    plan: small(row.plan, `${at}.plan`, 1, 3),
    months,
    price,
    fee,
    periods: readPeriods(row.periods, `${at}.periods`, month, months),
  };
}

/** Exactly the periods of the purchase that start in the month: in a row, none left out at either end. */
function readPeriods(json: unknown, at: string, month: number, months: number) {
  const [start, end] = [Number(monthStart(month)), Number(monthStart(month + 1))];
  const length = Number(FEES.month);
  const periods = rows(
    json,
    at,
    (row, path) => {
      const period = fields(row, path, ["index", "start"] as const);
      return {
        index: small(period.index, `${path}.index`, 0, months - 1),
        start: small(period.start, `${path}.start`, start, end - 1),
      };
    },
    (a, b) => a.index - b.index,
  );
  const first = periods[0];
  const last = periods.at(-1);
  if (!first || !last) throw new InputsError(at, "No period starts in the month");
  if (
    periods.some(
      (each, after) => each.start !== first.start + after * length || each.index !== first.index + after,
    )
  )
    throw new InputsError(at, "Periods follow each other by 30 days");
  if (first.index > 0 && first.start - length >= start)
    throw new InputsError(at, "An earlier period is left out");
  if (last.index < months - 1 && last.start + length < end)
    throw new InputsError(at, "A later period is left out");
  return periods;
}

function readUsage(json: unknown, at: string): DistributionInputs["usage"][number] {
  const { modelId, splitId, tokens } = fields(json, at, ["modelId", "splitId", "tokens"] as const);
  const used = integer(tokens, `${at}.tokens`, MAX_TOKENS);
  if (used === 0n) throw new InputsError(`${at}.tokens`, "A model that was not used is left out");
  return { modelId: hash(modelId, `${at}.modelId`), splitId: hash(splitId, `${at}.splitId`), tokens: used };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The order of purchases in the inputs. */
export const comparePurchases = (
  a: { txHash: string; logIndex: number },
  b: { txHash: string; logIndex: number },
): number => compare(a.txHash, b.txHash) || a.logIndex - b.logIndex;

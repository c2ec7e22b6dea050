/** What a fine-tune measured, as far as a page shows it. */
export interface TuneMetrics {
  parameters: number | null;
  tokensPerSecond: number | null;
  /** Loss in nats by step. */
  learned: { step: number; loss: number }[];
  heldOut: { step: number; loss: number }[];
  before: Score | null;
  after: Score | null;
  samples: { prompt: string; before: string; after: string }[];
}

interface Score {
  loss: number | null;
  answers: number | null;
  answersRight: number | null;
}

const POINTS = 400;
const SAMPLES = 6;

type Loose = Record<string, unknown>;
const object = (value: unknown): Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const finite = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/**
 * Reads `metrics.json` of the fine-tune template. A container wrote it, so nothing of its shape is believed.
 * @returns null when there is no curve in it
 */
export function readTuneMetrics(text: string): TuneMetrics | null {
  let found: Loose;
  try {
    found = object(JSON.parse(text));
  } catch {
    return null;
  }
  const learned = points(found.steps);
  const heldOut = points(found.heldOut);
  if (learned.length + heldOut.length < 2) return null;
  return {
    parameters: finite(object(found.model).parameters),
    tokensPerSecond: finite(found.tokensPerSecond),
    learned,
    heldOut,
    before: score(found.before),
    after: score(found.after),
    samples: list(found.samples)
      .map(object)
      .flatMap(({ prompt, before, after }) =>
        typeof prompt === "string" && typeof before === "string" && typeof after === "string"
          ? [{ prompt, before, after }]
          : [],
      )
      .slice(0, SAMPLES),
  };
}

/** Evenly thinned out: a picture has no more columns than that. */
function points(value: unknown): { step: number; loss: number }[] {
  const all = list(value)
    .map(object)
    .flatMap((one) => {
      const [step, loss] = [finite(one.step), finite(one.loss)];
      return step === null || loss === null ? [] : [{ step, loss }];
    });
  const every = Math.ceil(all.length / POINTS);
  return every <= 1 ? all : all.filter((_, at) => at % every === 0 || at === all.length - 1);
}

/** Of the held-out examples where there are any, else of those that were learned. */
function score(value: unknown): Score | null {
  const parts = object(value);
  const part = [parts.heldOut, parts.train].map(object).find(({ loss }) => finite(loss) !== null);
  if (!part) return null;
  return { loss: finite(part.loss), answers: finite(part.answers), answersRight: finite(part.answersRight) };
}

/** The figures of a batch's `summary.json`, for people. Empty when it is none. */
export function readBatchSummary(text: string): { label: string; value: string }[] {
  let found: Loose;
  try {
    found = object(JSON.parse(text));
  } catch {
    return [];
  }
  const show = (value: unknown, unit = "") => {
    const number = finite(value);
    return number === null ? null : `${number.toLocaleString("en-US", { maximumFractionDigits: 2 })}${unit}`;
  };
  const rows: [string, string | null][] = [
    ["Prompts", show(found.prompts)],
    ["Answered", show(found.answered)],
    ["Failed", show(found.failed)],
    ["Tokens read", show(found.promptTokens)],
    ["Tokens written", show(found.completionTokens)],
    ["Tokens a second", show(found.completionTokensPerSecond)],
    ["Median answer", show(object(found.answerSeconds).median, " s")],
    ["In all", show(found.seconds, " s")],
  ];
  return rows.flatMap(([label, value]) => (value === null ? [] : [{ label, value }]));
}

import { FAINT, FIRST, LINE, line, picture, shorten, text } from "../svg.ts";

/** A line of answers.jsonl. */
export interface Row {
  id: string | number;
  answer?: string;
  usage?: { completionTokens: number };
  seconds?: number;
  error?: string;
}
/** The part of summary.json that the picture shows. */
export interface Summary {
  answered: number;
  failed: number;
  completionTokens: number;
  completionTokensPerSecond: number;
  seconds: number;
}

const HEIGHT = 30;

/** A table of the answers with their tokens and times. */
export function draw(rows: Row[], summary: Summary): string {
  const longest = Math.max(0.001, ...rows.map(({ seconds }) => seconds ?? 0));
  const lines = rows.flatMap(({ id, answer, usage, seconds = 0, error }, i) => {
    const y = 112 + i * HEIGHT;
    return [
      line(40, y - 20, 820, y - 20),
      text(40, y, String(id), { weight: 600 }),
      text(130, y, shorten(answer ?? `error: ${error}`, 64)),
      text(640, y, String(usage?.completionTokens ?? "–"), { anchor: "end" }),
      `<rect x="660" y="${y - 11}" width="${((100 * seconds) / longest).toFixed(1)}" height="13" rx="2" fill="${LINE}"/>`,
      text(820, y, `${seconds.toFixed(2)} s`, { anchor: "end", fill: FIRST }),
    ];
  });
  const { answered, failed, completionTokens, completionTokensPerSecond } = summary;
  return picture(860, 112 + rows.length * HEIGHT, `${answered} answers of a batch`, [
    text(40, 34, `${answered} answered, ${failed} failed`, { size: 18, weight: 600 }),
    text(
      40,
      55,
      `${completionTokens} tokens in ${summary.seconds.toFixed(1)} s, ${completionTokensPerSecond} tokens/s`,
      { fill: FAINT },
    ),
    text(40, 82, "id", { fill: FAINT, size: 12 }),
    text(130, 82, "answer", { fill: FAINT, size: 12 }),
    text(640, 82, "tokens", { fill: FAINT, size: 12, anchor: "end" }),
    text(820, 82, "time", { fill: FAINT, size: 12, anchor: "end" }),
    ...lines,
  ]);
}

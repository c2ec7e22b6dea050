import { curve, FAINT, FIRST, INK, line, picture, SECOND, shorten, text } from "../svg.ts";

/** The part of metrics.json that the picture shows. */
export interface Metrics {
  model: { name: string; base: string | null; parameters: number };
  data: { train: number; heldOut: number };
  before: Scores;
  after: Scores | null;
  samples: { prompt: string; before: string; after: string | null }[];
  steps: { step: number; loss: number }[];
  heldOut: { step: number; loss: number }[];
  tokens: number;
  cpuSeconds: number;
  peakMemoryMb: number;
}
interface Scores {
  train: Score | null;
  heldOut: Score | null;
}
interface Score {
  answers: number;
  answersRight: number;
}

const WIDTH = 860;
const PLOT = { left: 60, top: 76, width: 760, height: 200 };

/** The loss of each step, and answers before and after. */
export function draw(metrics: Metrics): string {
  const { model, steps, heldOut, samples, before, after } = metrics;
  const last = steps.length;
  const highest = Math.ceil(Math.max(...steps.map(({ loss }) => loss), ...heldOut.map(({ loss }) => loss)));
  const x = (step: number) => PLOT.left + (PLOT.width * step) / last;
  const y = (loss: number) => PLOT.top + PLOT.height * (1 - loss / highest);
  const right = (scores: Scores | null, part: "train" | "heldOut") => {
    const score = scores?.[part];
    return score ? `${score.answersRight} of ${score.answers}` : "–";
  };
  const bottom = PLOT.top + PLOT.height;
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const rows = samples.flatMap((sample, i) => {
    const top = bottom + 120 + i * 62;
    return [
      text(40, top, sample.prompt, { weight: 600 }),
      text(40, top + 19, `before: ${shorten(sample.before, 110)}`, { fill: FAINT }),
      text(40, top + 38, `after: ${shorten(sample.after ?? "–", 110)}`, { fill: FIRST }),
    ];
  });
  const summary = `${model.parameters.toLocaleString("en")} parameters, ${metrics.data.train} examples, ${last} steps, ${metrics.tokens.toLocaleString("en")} tokens; ${Math.round(metrics.cpuSeconds)} s of one core, ${metrics.peakMemoryMb} MB`;
  return picture(WIDTH, bottom + 110 + samples.length * 62, `Loss of ${model.name} over ${last} steps`, [
    text(40, 34, `${model.base ?? "Model"} → ${model.name}`, { size: 18, weight: 600 }),
    text(40, 55, summary, { fill: FAINT }),
    ...ticks.flatMap((share) => [
      line(PLOT.left, y(highest * share), PLOT.left + PLOT.width, y(highest * share)),
      text(PLOT.left - 8, y(highest * share) + 4, String(highest * share), {
        fill: FAINT,
        size: 12,
        anchor: "end",
      }),
      text(x(last * share), bottom + 18, String(Math.round(last * share)), {
        fill: FAINT,
        size: 12,
        anchor: "middle",
      }),
    ]),
    curve(
      steps.map(({ step, loss }) => [x(step), y(loss)]),
      FIRST,
    ),
    curve(
      heldOut.map(({ step, loss }) => [x(step), y(loss)]),
      SECOND,
    ),
    text(820, 96, "loss on what is learned", { fill: FIRST, anchor: "end" }),
    text(820, 114, "loss on what is held out", { fill: SECOND, anchor: "end" }),
    text(
      40,
      bottom + 50,
      `Learned answers right: ${right(before, "train")} before, ${right(after, "train")} after.`,
      { fill: INK },
    ),
    text(
      40,
      bottom + 70,
      `Held-out wordings right: ${right(before, "heldOut")} before, ${right(after, "heldOut")} after.`,
      { fill: INK },
    ),
    line(40, bottom + 88, 820, bottom + 88),
    ...rows,
  ]);
}

import { packed, sequenceOf, split } from "./batches.mjs";
import { readDataset } from "./dataset.mjs";
import { InputError } from "./errors.mjs";
import { answer, score } from "./evaluation.mjs";
import { readGguf, writeGguf } from "./gguf.mjs";
import { createModel } from "./model.mjs";
import { createOptimizer, rateAt } from "./optimizer.mjs";
import { loadWeights, shapeOf, withWeights } from "./parameters.mjs";
import { random, shuffled } from "./random.mjs";
import { createTokenizer } from "./tokenizer.mjs";

/** Examples that are scored at most, of either part. */
const SCORED = 200;
/** Chats whose answers are shown before and after, and how long these may be. */
const SHOWN = { chats: 3, tokens: 32 };

/** Lets signals and output through between two steps. */
const breathe = () => new Promise((resolve) => setImmediate(resolve));
const percent = (/** @type {number} */ part, /** @type {number} */ whole) =>
  `${Math.round((100 * part) / whole)} %`;
const round = (/** @type {number} */ value, digits = 4) => Number(value.toFixed(digits));

/**
 * Continues the training of a model.
 * @param {{ model: Uint8Array, data: Uint8Array, settings: import("./settings.mjs").Settings,
 *   signal: AbortSignal, log: (line: string) => void, progress: (share: number) => void }} parameters
 *   when `signal` aborts, it stops within a step and returns what there is
 * @throws InputError
 */
export async function fineTune({ model: base, data, settings, signal, log, progress }) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const gguf = readGguf(base);
  const shape = shapeOf(gguf);
  const tokenizer = createTokenizer(gguf.values);
  if (tokenizer.size > shape.vocabulary)
    throw new InputError("The model has more pieces of vocabulary than embeddings.");
  const { examples, lines, bad } = readDataset(data, {
    tokenizer,
    contextLength: shape.contextLength,
    maxBadLines: settings.maxBadLines,
  });
  for (const { line, message } of bad.slice(0, 20)) log(`Line ${line} left out: ${message}`);
  const next = random(settings.seed);
  const { train, heldOut } = split(examples, { percent: settings.heldOutPercent, next });
  const longest = Math.max(...examples.map(({ tokens }) => tokens.length)) + SHOWN.tokens;
  const maxTokens = Math.max(settings.batchTokens, longest);
  const trainLayers = settings.trainLayers || shape.layers;
  const model = createModel(shape, { maxTokens, longest, trainLayers });
  loadWeights(gguf, model);
  const optimizer = createOptimizer(model, settings);
  const total = model.parameters.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  const name = settings.modelName || `${gguf.values.get("general.name") ?? "Model"} fine-tuned`;
  log(
    `${gguf.values.get("general.name") ?? "Model"}: ${total.toLocaleString("en")} parameters in ${shape.layers} layers, ${optimizer.count.toLocaleString("en")} of them learn.`,
  );
  log(`${train.length} examples to learn, ${heldOut.length} held out, ${bad.length} lines left out.`);

  const spread = Math.max(1, Math.ceil(train.length / SHOWN.chats));
  const chats = train.filter(({ answerAt }, i) => answerAt !== -1 && i % spread === 0);
  const look = () => ({
    train: score(model, train.slice(0, SCORED)),
    heldOut: score(model, heldOut.slice(0, SCORED)),
    answers: answer(model, chats, { tokenizer, maxTokens: SHOWN.tokens }),
  });
  const before = look();
  log(`Before: ${sentence(before)}`);

  const perEpoch = packed(shuffled(train, random(settings.seed)), settings.batchTokens).length;
  const planned = settings.steps || perEpoch * settings.epochs;
  const steps = [];
  const checks = [{ step: 0, loss: before.heldOut?.loss ?? null }];
  let stopped = null;
  let trainedTokens = 0;
  let trainSeconds = 0;
  for (let epoch = 1; steps.length < planned && !stopped; epoch++) {
    for (const batch of packed(shuffled(train, next), settings.batchTokens)) {
      await breathe();
      if (signal.aborted) stopped = "terminated";
      else if (settings.maxSeconds > 0 && seconds() > settings.maxSeconds) stopped = "max_seconds";
      if (stopped || steps.length >= planned) break;
      const began = performance.now();
      const sequences = batch.map(sequenceOf);
      const targets = sequences.reduce((sum, each) => sum + each.targets.length, 0);
      const tokens = sequences.reduce((sum, each) => sum + each.tokens.length, 0);
      const learningRate = rateAt({ step: steps.length, steps: planned, top: settings.learningRate });
      const loss = model.learn(sequences).loss / targets;
      const { norm } = optimizer.step(learningRate);
      if (!Number.isFinite(loss) || !Number.isFinite(norm))
        throw new InputError(
          "The training went astray: the loss is no number any more.",
          "Try a lower LEARNING_RATE.",
        );
      const took = (performance.now() - began) / 1000;
      trainedTokens += tokens;
      trainSeconds += took;
      steps.push({
        step: steps.length + 1,
        epoch,
        loss: round(loss),
        learningRate: round(learningRate, 8),
        tokens,
        seconds: round(took, 3),
      });
      progress(steps.length / planned);
      if (steps.length % Math.max(1, Math.round(planned / 40)) === 0 || steps.length === 1)
        log(
          `Step ${steps.length} of ${planned} · epoch ${epoch} · loss ${loss.toFixed(3)} · ${Math.round(trainedTokens / trainSeconds)} tokens/s · ${remaining((trainSeconds / steps.length) * (planned - steps.length))}`,
        );
    }
    const known = stopped ? null : score(model, heldOut.slice(0, SCORED));
    if (known) checks.push({ step: steps.length, loss: known.loss });
  }
  if (stopped) log(`Stopped after ${steps.length} of ${planned} steps (${stopped}).`);

  const written = withWeights(gguf, model);
  // What is scored is what is written: the numbers as they come out of the file again.
  loadWeights(written, model);
  const after = stopped === "terminated" ? null : look();
  if (after) log(`After: ${sentence(after)}`);
  const metrics = {
    version: 1,
    model: {
      name,
      base: gguf.values.get("general.name") ?? null,
      parameters: total,
      trained: optimizer.count,
    },
    settings: {
      ...settings,
      modelName: name,
      steps: planned,
      trainLayers: Math.min(trainLayers, shape.layers),
    },
    data: { lines, bad, examples: examples.length, train: train.length, heldOut: heldOut.length },
    before: rounded(before),
    after: after && rounded(after),
    samples: chats.map(({ prompt }, i) => ({
      prompt,
      before: before.answers[i],
      after: after?.answers[i] ?? null,
    })),
    steps,
    heldOut:
      heldOut.length === 0 ? [] : checks.map(({ step, loss }) => ({ step, loss: loss && round(loss) })),
    stopped,
    tokens: trainedTokens,
    tokensPerSecond: trainSeconds > 0 ? Math.round(trainedTokens / trainSeconds) : null,
    seconds: round(seconds(), 1),
    cpuSeconds: round((process.cpuUsage().user + process.cpuUsage().system) / 1e6, 1),
    peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
  return { file: writeGguf(written, name), metrics };
}

/** @param {{ train: import("./evaluation.mjs").Score | null, heldOut: import("./evaluation.mjs").Score | null }} scores */
function sentence({ train, heldOut }) {
  const part = (/** @type {string} */ name, /** @type {import("./evaluation.mjs").Score | null} */ s) =>
    s
      ? [
          `${name}: loss ${s.loss.toFixed(3)}, ${percent(s.tokensRight, s.tokens)} of tokens and ${s.answersRight} of ${s.answers} answers right`,
        ]
      : [];
  return [...part("learned part", train), ...part("held-out part", heldOut)].join("; ");
}

/** @param {{ train: import("./evaluation.mjs").Score | null, heldOut: import("./evaluation.mjs").Score | null }} scores */
function rounded({ train, heldOut }) {
  const one = (/** @type {import("./evaluation.mjs").Score | null} */ s) =>
    s && { ...s, loss: round(s.loss) };
  return { train: one(train), heldOut: one(heldOut) };
}

/** @param {number} seconds */
function remaining(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`;
}

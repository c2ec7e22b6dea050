import { packed, split } from "./batches.mjs";
import { readDataset } from "./dataset.mjs";
import { InputError } from "./errors.mjs";
import { answer, score } from "./evaluation.mjs";
import { readGguf, writeGguf } from "./gguf.mjs";
import { runSteps } from "./loop.mjs";
import { createModel } from "./model.mjs";
import { createOptimizer } from "./optimizer.mjs";
import { loadWeights, shapeOf, withWeights } from "./parameters.mjs";
import { random, shuffled } from "./random.mjs";
import { round, rounded, sentence } from "./report.mjs";
import { createTokenizer } from "./tokenizer.mjs";

/** Examples that are scored at most, of either part. */
const SCORED = 200;
/** Chats whose answers are shown before and after, and how long these may be. */
const SHOWN = { chats: 3, tokens: 32 };

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
  const { contextLength } = shape;
  const { maxBadLines } = settings;
  const { examples, lines, bad } = readDataset(data, { tokenizer, contextLength, maxBadLines });
  for (const { line, message } of bad.slice(0, 20)) log(`Line ${line} left out: ${message}`);
  const next = random(settings.seed);
  const { train, heldOut } = split(examples, { percent: settings.heldOutPercent, next });
  const longest = examples.reduce((most, { tokens }) => Math.max(most, tokens.length), 0) + SHOWN.tokens;
  const maxTokens = Math.max(settings.batchTokens, longest);
  const trainLayers = settings.trainLayers || shape.layers;
  const model = createModel(shape, { maxTokens, longest, trainLayers });
  loadWeights(gguf, model);
  const optimizer = createOptimizer(model, settings);
  const parameters = model.parameters.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  const baseName = gguf.values.get("general.name") ?? null;
  const name = settings.modelName || `${baseName ?? "Model"} fine-tuned`;
  const [all, learning] = [parameters, optimizer.count].map((count) => count.toLocaleString("en"));
  log(`${baseName ?? "Model"}: ${all} parameters in ${shape.layers} layers, ${learning} of them learn.`);
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
  const checks = before.heldOut ? [{ step: 0, loss: round(before.heldOut.loss) }] : [];
  const run = await runSteps({
    ...{ model, optimizer, train, next, planned, log, progress },
    ...{ batchTokens: settings.batchTokens, learningRate: settings.learningRate },
    stop() {
      if (signal.aborted) return "terminated";
      return settings.maxSeconds > 0 && seconds() > settings.maxSeconds ? "max_seconds" : null;
    },
    check(step) {
      const known = score(model, heldOut.slice(0, SCORED));
      if (known) checks.push({ step, loss: round(known.loss) });
    },
  });

  const written = withWeights(gguf, model);
  // What is scored is what is written: the numbers as they come out of the file again.
  loadWeights(written, model);
  const after = run.stopped === "terminated" ? null : look();
  if (after) log(`After: ${sentence(after)}`);
  const { user, system } = process.cpuUsage();
  const metrics = {
    version: 1,
    model: { name, base: baseName, parameters, trained: optimizer.count },
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
    steps: run.steps,
    heldOut: checks,
    stopped: run.stopped,
    tokens: run.tokens,
    tokensPerSecond: run.seconds > 0 ? Math.round(run.tokens / run.seconds) : null,
    seconds: round(seconds(), 1),
    cpuSeconds: round((user + system) / 1e6, 1),
    peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
  return { file: writeGguf(written, name), metrics };
}

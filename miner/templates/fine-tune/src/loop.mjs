import { packed, sequenceOf } from "./batches.mjs";
import { InputError } from "./errors.mjs";
import { rateAt } from "./optimizer.mjs";
import { shuffled } from "./random.mjs";
import { remaining, round } from "./report.mjs";

/** @typedef {import("./dataset.mjs").Example} Example */
/** @typedef {{ step: number, epoch: number, loss: number, learningRate: number, tokens: number, seconds: number }} Step */

/** Log lines of a whole training, about. */
const LINES = 40;

/** Lets signals and output through between two steps. */
const breathe = () => new Promise((resolve) => setImmediate(resolve));

/**
 * The steps of a training, each over a batch of examples in an order that is new in every epoch.
 * @param {{ model: import("./model.mjs").Model, optimizer: ReturnType<typeof import("./optimizer.mjs").createOptimizer>,
 *   train: Example[], next: () => number, planned: number, batchTokens: number, learningRate: number,
 *   stop: () => string | null, check: (step: number) => void, log: (line: string) => void,
 *   progress: (share: number) => void }} parameters `stop` gives a reason to end; `check` is called after each epoch
 * @throws InputError when the numbers run away
 */
export async function runSteps(parameters) {
  const { model, optimizer, train, next, planned, batchTokens, stop, check, log, progress } = parameters;
  /** @type {Step[]} */
  const steps = [];
  let [stopped, tokens, seconds] = [/** @type {string | null} */ (null), 0, 0];

  /** @param {Example[]} batch @param {number} epoch */
  function step(batch, epoch) {
    const began = performance.now();
    const sequences = batch.map(sequenceOf);
    const targets = sequences.reduce((sum, each) => sum + each.targets.length, 0);
    const size = sequences.reduce((sum, each) => sum + each.tokens.length, 0);
    const rate = rateAt({ step: steps.length, steps: planned, top: parameters.learningRate });
    const loss = model.learn(sequences).loss / targets;
    const { norm } = optimizer.step(rate);
    if (!Number.isFinite(loss) || !Number.isFinite(norm))
      throw new InputError(
        "The training went astray: the loss is no number any more.",
        "Try a lower LEARNING_RATE.",
      );
    const took = (performance.now() - began) / 1000;
    tokens += size;
    seconds += took;
    const done = steps.push({
      step: steps.length + 1,
      epoch,
      loss: round(loss),
      learningRate: round(rate, 8),
      tokens: size,
      seconds: round(took, 3),
    });
    progress(done / planned);
    if (done % Math.max(1, Math.round(planned / LINES)) !== 0 && done > 1) return;
    const left = remaining((seconds / done) * (planned - done));
    const speed = Math.round(tokens / seconds);
    log(
      `Step ${done} of ${planned} · epoch ${epoch} · loss ${loss.toFixed(3)} · ${speed} tokens/s · ${left}`,
    );
  }

  for (let epoch = 1; steps.length < planned && !stopped; epoch++) {
    for (const batch of packed(shuffled(train, next), batchTokens)) {
      await breathe();
      stopped = stop();
      if (stopped || steps.length >= planned) break;
      step(batch, epoch);
    }
    if (!stopped) check(steps.length);
  }
  if (stopped) log(`Stopped after ${steps.length} of ${planned} steps (${stopped}).`);
  return { steps, stopped, tokens, seconds };
}

import { createReadStream, createWriteStream } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Answers every line of /in/prompts.jsonl through the node's engine, a few at a time, and writes
 * /out/answers.jsonl in the same order and /out/summary.json. See README.md for the formats.
 */

/** Something that the client can put right. Printed without a stack. */
class InputError extends Error {}
/** One line's failure. `again` says whether the same request may succeed later. */
class LineError extends Error {
  /** @param {string} message @param {{ again?: boolean, after?: number }} [options] `after` in seconds */
  constructor(message, { again = false, after = 0 } = {}) {
    super(message);
    this.again = again;
    this.after = after;
  }
}

/** Answers that may wait for an earlier one to be written. */
const AHEAD = 256;
/** Bytes of an answer of the engine. */
const MAX_RESPONSE = 16 * 1024 * 1024;
const ROLES = ["system", "user", "assistant"];

const input = join(process.env.AIFORGE_INPUT ?? "/in", "prompts.jsonl");
const output = process.env.AIFORGE_OUTPUT ?? "/out";
const abort = new AbortController();
for (const signal of /** @type {const} */ (["SIGTERM", "SIGINT"])) process.on(signal, () => abort.abort());

/** @param {string} variable @param {number | null} otherwise @param {number} min @param {number} max @param {boolean} [whole] */
function number(variable, otherwise, min, max, whole = true) {
  const text = process.env[variable]?.trim() ?? "";
  if (text === "") return otherwise;
  const value = Number(text);
  if (!(value >= min && value <= max) || (whole && !Number.isInteger(value)))
    throw new InputError(
      `${variable} is “${text}”; it must be a ${whole ? "whole " : ""}number from ${min} to ${max}.`,
    );
  return value;
}

function readSettings() {
  return {
    system: process.env.SYSTEM?.trim() || null,
    maxTokens: number("MAX_TOKENS", 256, 1, 4096) ?? 0,
    temperature: number("TEMPERATURE", 0, 0, 2, false) ?? 0,
    topP: number("TOP_P", null, 0, 1, false),
    seed: number("SEED", null, 0, 4_294_967_295),
    concurrency: number("CONCURRENCY", 2, 1, 64) ?? 0,
    retries: number("RETRIES", 4, 0, 20) ?? 0,
    requestSeconds: number("REQUEST_SECONDS", 300, 0.001, 86_400, false) ?? 0,
    maxErrors: number("MAX_ERRORS", 10, 0, 1_000_000_000) ?? 0,
  };
}

/**
 * A line of the input.
 * @param {string} line @param {number} at its number, from 1
 * @returns {{ id: string | number, messages?: object[], error?: string }}
 */
function parse(line, at) {
  /** @type {unknown} */
  let value;
  try {
    value = JSON.parse(line);
  } catch {
    return { id: at, error: `Line ${at} is not JSON.` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { id: at, error: `Line ${at} is not a JSON object.` };
  const { id: given, prompt, messages } = /** @type {Record<string, unknown>} */ (value);
  const id = typeof given === "string" || typeof given === "number" ? given : at;
  if (messages === undefined) {
    if (typeof prompt !== "string" || prompt.trim() === "")
      return { id, error: `Line ${at} has neither “prompt” nor “messages”.` };
    return { id, messages: [{ role: "user", content: prompt }] };
  }
  const good =
    Array.isArray(messages) &&
    messages.length > 0 &&
    messages.every((message) => ROLES.includes(message?.role) && typeof message.content === "string");
  return good ? { id, messages } : { id, error: `Line ${at} has “messages” that are no conversation.` };
}

/**
 * One request to the engine.
 * @param {string} socketPath @param {object} body @param {number} seconds
 * @returns {Promise<{ status: number, after: number, text: string }>}
 */
function post(socketPath, body, seconds) {
  const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(seconds * 1000)]);
  return new Promise((resolve, reject) => {
    const call = request(
      {
        socketPath,
        path: "/v1/chat/completions",
        method: "POST",
        headers: { host: "engine", "content-type": "application/json" },
        signal,
      },
      async (response) => {
        try {
          let text = "";
          for await (const piece of response.setEncoding("utf8")) {
            text += piece;
            if (text.length > MAX_RESPONSE) throw new LineError("The engine's answer is too long.");
          }
          const after = Number(response.headers["retry-after"]) || 0;
          resolve({ status: response.statusCode ?? 0, after, text });
        } catch (error) {
          reject(error);
        }
      },
    );
    call.on("error", reject);
    call.end(JSON.stringify(body));
  });
}

/**
 * @param {string} engine the socket @param {object} body @param {number} seconds
 * @throws LineError
 */
async function complete(engine, body, seconds) {
  let response;
  try {
    response = await post(engine, body, seconds);
  } catch (error) {
    if (error instanceof LineError) throw error;
    const { name, message } = /** @type {Error} */ (error);
    const what = name === "TimeoutError" || name === "AbortError" ? `no answer in ${seconds} s` : message;
    throw new LineError(`The engine cannot be reached: ${what}`, { again: true });
  }
  const { status, after, text } = response;
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Told below, with the status.
  }
  if (status !== 200) {
    const message = value?.error?.message ?? `The engine answered with status ${status}.`;
    throw new LineError(message, { again: status === 408 || status === 429 || status >= 500, after });
  }
  const choice = value?.choices?.[0];
  if (typeof choice?.message?.content !== "string")
    throw new LineError("The engine's answer is no chat completion.", { again: true });
  const usage = {
    promptTokens: Number(value.usage?.prompt_tokens ?? 0),
    completionTokens: Number(value.usage?.completion_tokens ?? 0),
  };
  return { answer: choice.message.content, usage, finishReason: choice.finish_reason ?? null };
}

async function countLines() {
  const size = await stat(input).catch(() => null);
  if (!size?.isFile()) throw new InputError(`There is no ${input} to read.`);
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(input) })) if (line.trim()) count++;
  if (count === 0) throw new InputError("prompts.jsonl is empty.");
  return count;
}

/** The value below which a share of `sorted` lies. @param {number[]} sorted @param {number} share */
const quantile = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
const round = (/** @type {number} */ value) => Math.round(value * 1000) / 1000;

async function main() {
  const settings = readSettings();
  const engine = process.env.AIFORGE_ENGINE;
  if (!engine) throw new InputError("This job needs the node's engine: choose a model for it.");
  const total = await countLines();
  console.log(`${total} prompts, ${settings.concurrency} at a time.`);
  const answers = createWriteStream(join(output, "answers.jsonl"));
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const figures = { answered: 0, failed: 0, retries: 0, promptTokens: 0, completionTokens: 0 };
  /** @type {number[]} */
  const took = [];
  /** @type {{ row: object | null }[]} */
  const waiting = [];
  /** @type {Set<Promise<void>>} */
  const running = new Set();
  let lastLine = 0;

  /** Writes what is done, in the order of the input. */
  function flush() {
    while (waiting[0]?.row) answers.write(`${JSON.stringify(waiting.shift()?.row)}\n`);
    const done = figures.answered + figures.failed;
    console.log(`AIFORGE_PROGRESS ${(done / total).toFixed(4)}`);
    if (done < total && seconds() - lastLine < 5) return;
    lastLine = seconds();
    const rate = figures.completionTokens / Math.max(0.001, seconds());
    console.log(`${done} of ${total} · ${figures.failed} failed · ${Math.round(rate)} tokens/s`);
  }

  /** @param {object[]} messages */
  async function ask(messages) {
    const all = settings.system ? [{ role: "system", content: settings.system }, ...messages] : messages;
    const { maxTokens, temperature, topP, seed } = settings;
    const body = {
      messages: all,
      max_tokens: maxTokens,
      temperature,
      ...(topP === null ? {} : { top_p: topP }),
      ...(seed === null ? {} : { seed }),
    };
    for (let attempt = 0; ; attempt++)
      try {
        return await complete(engine ?? "", body, settings.requestSeconds);
      } catch (error) {
        if (
          !(error instanceof LineError && error.again) ||
          attempt >= settings.retries ||
          abort.signal.aborted
        )
          throw error;
        figures.retries += 1;
        const pause = Math.max(error.after, Math.min(30, 0.25 * 2 ** attempt) * (0.5 + Math.random()));
        await sleep(pause * 1000, null, { signal: abort.signal }).catch(() => {});
      }
  }

  /** @param {ReturnType<typeof parse>} prompt @param {{ row: object | null }} place */
  async function serve({ id, messages, error }, place) {
    const began = performance.now();
    try {
      if (!messages) throw new LineError(error ?? "");
      const answer = await ask(messages);
      const own = round((performance.now() - began) / 1000);
      took.push(own);
      figures.answered += 1;
      figures.promptTokens += answer.usage.promptTokens;
      figures.completionTokens += answer.usage.completionTokens;
      place.row = { id, ...answer, seconds: own };
    } catch (failure) {
      if (!(failure instanceof LineError)) throw failure;
      // What was cut short by the end of the job is not an answer, and not an error of its line either.
      if (abort.signal.aborted) return;
      figures.failed += 1;
      place.row = { id, error: failure.message };
      if (figures.failed <= 20) console.log(`Failed: ${id}: ${failure.message}`);
    }
    flush();
  }

  let at = 0;
  const tooMany = () => figures.failed > settings.maxErrors;
  for await (const line of createInterface({ input: createReadStream(input) })) {
    at += 1;
    if (!line.trim()) continue;
    while (running.size >= settings.concurrency || waiting.length >= AHEAD) await Promise.race(running);
    if (answers.writableNeedDrain) await new Promise((resolve) => answers.once("drain", resolve));
    if (tooMany() || abort.signal.aborted) break;
    const place = { row: null };
    waiting.push(place);
    const job = serve(parse(line, at), place).finally(() => running.delete(job));
    running.add(job);
  }
  await Promise.all(running);
  // Only an early end leaves any: those behind a prompt that has no answer.
  for (const { row } of waiting) if (row) answers.write(`${JSON.stringify(row)}\n`);
  answers.end();
  await finished(answers);

  took.sort((a, b) => a - b);
  const stopped = abort.signal.aborted ? "terminated" : tooMany() ? "too_many_errors" : null;
  const summary = {
    version: 1,
    settings,
    prompts: total,
    ...figures,
    seconds: round(seconds()),
    completionTokensPerSecond: Math.round(figures.completionTokens / seconds()),
    answerSeconds: { median: quantile(took, 0.5), p95: quantile(took, 0.95), longest: took.at(-1) ?? null },
    stopped,
  };
  await writeFile(join(output, "summary.json"), `${JSON.stringify(summary, null, 1)}\n`);
  console.log(`${figures.answered} answered and ${figures.failed} failed in ${Math.round(seconds())} s.`);
  if (stopped === "terminated") return 143;
  if (!tooMany()) return 0;
  console.error(`More than ${settings.maxErrors} prompts failed (MAX_ERRORS); the rest was not tried.`);
  return 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof InputError ? error.message : error);
  process.exitCode = error instanceof InputError ? 2 : 1;
}

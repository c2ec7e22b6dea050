import { InputError } from "./errors.mjs";

/**
 * The data set: one JSON object a line, in three forms that can be mixed.
 * Chats become ChatML, and only what the assistant says is learned; of a plain text every token is.
 */

/**
 * `learn[i]` says whether token i is to be predicted; `answerAt` is where a chat's first answer begins (-1 in a
 * plain text), `prompt` what it answers.
 * @typedef {{ line: number, tokens: number[], learn: boolean[], prompt: string | null, answerAt: number }} Example
 */
/** @typedef {{ line: number, message: string }} BadLine */
/** @typedef {{ role: string, content: string }} Message */

const ROLES = ["system", "user", "assistant"];
const isText = (/** @type {unknown} */ value) => typeof value === "string" && value.trim() !== "";

/**
 * @param {unknown} value a parsed line
 * @returns {Message[] | string} a conversation, or plain text
 * @throws Error that says what is wrong with the line
 */
function shapeOf(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("is not a JSON object");
  const { messages, prompt, answer, text } = /** @type {Record<string, unknown>} */ (value);
  if (messages !== undefined) {
    if (!Array.isArray(messages) || messages.length === 0) throw new Error("“messages” is not a list");
    for (const message of messages) {
      if (!ROLES.includes(message?.role)) throw new Error(`a role is not one of ${ROLES.join(", ")}`);
      if (!isText(message.content)) throw new Error("a message has no text in “content”");
    }
    if (!messages.some(({ role }) => role === "assistant"))
      throw new Error("no message is the assistant's, so there is nothing to learn");
    return messages;
  }
  if (prompt !== undefined || answer !== undefined) {
    if (!isText(prompt)) throw new Error("“prompt” is not text");
    if (!isText(answer)) throw new Error("“answer” is not text");
    return [
      { role: "user", content: String(prompt) },
      { role: "assistant", content: String(answer) },
    ];
  }
  if (text === undefined) throw new Error("has none of “messages”, “prompt” with “answer”, “text”");
  if (!isText(text)) throw new Error("“text” is not text");
  return String(text);
}

/**
 * @param {Message[]} messages
 * @param {import("./tokenizer.mjs").Tokenizer} tokenizer
 * @returns {Omit<Example, "line">}
 */
export function chatExample(messages, tokenizer) {
  const start = tokenizer.control("<|im_start|>");
  const stop = tokenizer.control("<|im_end|>");
  if (start === null || stop === null)
    throw new InputError(
      "The model's vocabulary has no ChatML (<|im_start|>, <|im_end|>), so it cannot learn chats.",
      'Use lines of the form {"text": …}.',
    );
  /** @type {number[]} */
  const tokens = tokenizer.bos === null ? [] : [tokenizer.bos];
  const learn = tokens.map(() => false);
  let answerAt = -1;
  let prompt = null;
  const add = (/** @type {number[]} */ more, /** @type {boolean} */ learned) => {
    for (const token of more) {
      tokens.push(token);
      learn.push(learned);
    }
  };
  for (const { role, content } of messages) {
    const learned = role === "assistant";
    add([start, ...tokenizer.encode(`${role}\n`)], false);
    if (learned && answerAt === -1) answerAt = tokens.length;
    if (role === "user" && answerAt === -1) prompt = content;
    add([...tokenizer.encode(content), stop], learned);
    add(tokenizer.encode("\n"), false);
  }
  // The newline after the last answer is never asked for.
  if (messages.at(-1)?.role === "assistant") {
    tokens.pop();
    learn.pop();
  }
  return { tokens, learn, prompt, answerAt };
}

/**
 * @param {Uint8Array} bytes the JSONL file
 * @param {{ tokenizer: import("./tokenizer.mjs").Tokenizer, contextLength: number, maxBadLines: number }} options
 * @returns {{ examples: Example[], lines: number, bad: BadLine[] }}
 * @throws InputError with the first bad lines when there are more than `maxBadLines`, or when nothing is left
 */
export function readDataset(bytes, { tokenizer, contextLength, maxBadLines }) {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  /** @type {Example[]} */
  const examples = [];
  /** @type {BadLine[]} */
  const bad = [];
  let line = 0;
  let lines = 0;
  for (let start = 0; start < bytes.length; ) {
    let end = bytes.indexOf(10, start);
    if (end === -1) end = bytes.length;
    line += 1;
    const piece = bytes.subarray(start, end);
    start = end + 1;
    try {
      const text = decode(utf8, piece);
      if (text.trim() === "") continue;
      lines += 1;
      const shape = shapeOf(parse(text));
      if (typeof shape === "string")
        examples.push(...textExamples(shape, { tokenizer, contextLength }).map((e) => ({ line, ...e })));
      else {
        const example = chatExample(shape, tokenizer);
        if (example.tokens.length > contextLength)
          throw new Error(`has ${example.tokens.length} tokens; the model's context holds ${contextLength}`);
        examples.push({ line, ...example });
      }
    } catch (error) {
      if (error instanceof InputError) throw error;
      bad.push({ line, message: /** @type {Error} */ (error).message });
    }
  }
  const listed = bad.slice(0, 20).map((each) => `  line ${each.line}: ${each.message}`);
  if (bad.length > 20) listed.push(`  and ${bad.length - 20} more`);
  if (bad.length > maxBadLines)
    throw new InputError(
      `${bad.length} of ${lines} lines of the data set are no good; at most ${maxBadLines} may be:\n${listed.join("\n")}`,
    );
  if (examples.length === 0) throw new InputError("The data set is empty.");
  return { examples, lines, bad };
}

/** @param {TextDecoder} utf8 @param {Uint8Array} piece */
function decode(utf8, piece) {
  try {
    return utf8.decode(piece);
  } catch {
    throw new Error("is not UTF-8");
  }
}
/** @param {string} text @returns {unknown} */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("is not JSON");
  }
}

/**
 * A plain text, in windows if it is longer than the context.
 * @param {string} text
 * @param {{ tokenizer: import("./tokenizer.mjs").Tokenizer, contextLength: number }} options
 */
function textExamples(text, { tokenizer, contextLength }) {
  const body = tokenizer.encode(text);
  if (tokenizer.end !== null) body.push(tokenizer.end);
  const head = tokenizer.bos === null ? [] : [tokenizer.bos];
  const room = contextLength - head.length;
  const windows = [];
  for (let at = 0; at < body.length; at += room) {
    const tokens = [...head, ...body.slice(at, at + room)];
    windows.push({ tokens, learn: tokens.map((_, i) => i > 0), prompt: null, answerAt: -1 });
  }
  return windows.filter(({ tokens }) => tokens.length > 1);
}

import { InputError } from "./errors.mjs";

/**
 * Byte-level BPE with the vocabulary of a GGUF file, cut into words as GPT-2 does it. Text never becomes a
 * control token; those are asked for by name.
 */

const WORD = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** GPT-2's printable character for each byte. */
const CHARACTERS = (() => {
  const characters = new Array(256);
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
    characters[byte] = String.fromCodePoint(printable ? byte : next++);
  }
  return characters;
})();
const BYTES = new Map(CHARACTERS.map((character, byte) => [character, byte]));

/**
 * @param {Map<string, unknown>} values the header of a GGUF file
 * @throws InputError for a vocabulary of another kind
 */
export function createTokenizer(values) {
  const kind = values.get("tokenizer.ggml.model");
  const words = values.get("tokenizer.ggml.pre") ?? "gpt-2";
  if (kind !== "gpt2" || words !== "gpt-2")
    throw new InputError(
      `The model's tokenizer is “${kind}” with “${words}”; this template knows byte-level BPE with GPT-2's words.`,
    );
  const texts = /** @type {string[]} */ (values.get("tokenizer.ggml.tokens"));
  const merges = /** @type {string[]} */ (values.get("tokenizer.ggml.merges"));
  if (!Array.isArray(texts) || !Array.isArray(merges)) throw new InputError("The model has no vocabulary.");
  const ids = new Map(texts.map((text, id) => [text, id]));
  const ranks = new Map(merges.map((merge, rank) => [merge, rank]));
  /** @type {Map<string, number[]>} */
  const known = new Map();

  /** @param {string} word @returns {number[]} */
  function bpe(word) {
    const parts = Array.from(Buffer.from(word, "utf8"), (byte) => CHARACTERS[byte]);
    for (;;) {
      let best = Number.POSITIVE_INFINITY;
      let at = -1;
      for (let i = 0; i + 1 < parts.length; i++) {
        const rank = ranks.get(`${parts[i]} ${parts[i + 1]}`) ?? Number.POSITIVE_INFINITY;
        if (rank < best) [best, at] = [rank, i];
      }
      if (at === -1) break;
      parts.splice(at, 2, parts[at] + parts[at + 1]);
    }
    return parts.map((part) => {
      const id = ids.get(part);
      if (id === undefined) throw new InputError(`The model's vocabulary lacks the piece “${part}”.`);
      return id;
    });
  }

  /** @param {string} text @returns {number[]} */
  function encode(text) {
    return (text.match(WORD) ?? []).flatMap((word) => {
      let tokens = known.get(word);
      if (!tokens) {
        tokens = bpe(word);
        if (known.size < 100_000) known.set(word, tokens);
      }
      return tokens;
    });
  }

  /** @param {readonly number[]} tokens */
  function decode(tokens) {
    const bytes = [...tokens.map((id) => texts[id]).join("")].map((character) => BYTES.get(character) ?? 63);
    return Buffer.from(bytes).toString("utf8");
  }

  /** @param {string} key @returns {number | null} */
  const special = (key) => {
    const id = values.get(`tokenizer.ggml.${key}_token_id`);
    return typeof id === "number" ? id : null;
  };
  const bos = values.get("tokenizer.ggml.add_bos_token") === false ? null : special("bos");
  return {
    encode,
    decode,
    /** A control token by its text. @param {string} text @returns {number | null} */
    control: (text) => ids.get(text) ?? null,
    /** What every sequence begins with. */
    bos,
    /** What a plain text ends with. */
    end: special("eos"),
    size: texts.length,
  };
}
/** @typedef {ReturnType<typeof createTokenizer>} Tokenizer */

import { InputError } from "./errors.mjs";
import { TENSOR_TYPES } from "./quantization.mjs";

/**
 * The shape of a llama model, as the header of its file gives it.
 * @typedef {{ layers: number, width: number, heads: number, kvHeads: number, headSize: number, hidden: number,
 *   vocabulary: number, epsilon: number, ropeBase: number, ropeDimensions: number, contextLength: number,
 *   tied: boolean }} Shape
 */
/**
 * `layer` is -1 for the embeddings and the number of layers for what follows the last one.
 * @typedef {{ name: string, layer: number, rows: number, columns: number }} Slot
 */

/** @param {Shape} shape @returns {Slot[]} every tensor that a model of this shape has */
export function slotsOf({ layers, width, heads, kvHeads, headSize, hidden, vocabulary, tied }) {
  const [query, key] = [heads * headSize, kvHeads * headSize];
  const slots = [{ name: "token_embd.weight", layer: -1, rows: vocabulary, columns: width }];
  for (let layer = 0; layer < layers; layer++)
    for (const [name, rows, columns] of /** @type {[string, number, number][]} */ ([
      ["attn_norm", 1, width],
      ["attn_q", query, width],
      ["attn_k", key, width],
      ["attn_v", key, width],
      ["attn_output", width, query],
      ["ffn_norm", 1, width],
      ["ffn_gate", hidden, width],
      ["ffn_up", hidden, width],
      ["ffn_down", width, hidden],
    ]))
      slots.push({ name: `blk.${layer}.${name}.weight`, layer, rows, columns });
  slots.push({ name: "output_norm.weight", layer: layers, rows: 1, columns: width });
  if (!tied) slots.push({ name: "output.weight", layer: layers, rows: vocabulary, columns: width });
  return slots;
}

/**
 * @param {import("./gguf.mjs").Gguf} gguf
 * @returns {Shape}
 * @throws InputError for another architecture, or a llama with parts that are not known here
 */
export function shapeOf({ values, tensors }) {
  const architecture = values.get("general.architecture");
  if (architecture !== "llama")
    throw new InputError(`The model's architecture is “${architecture}”; this template trains “llama”.`);
  /** @param {string} key @param {number} [otherwise] */
  const number = (key, otherwise) => {
    const value = Number(values.get(`llama.${key}`) ?? otherwise);
    if (!(value > 0)) throw new InputError(`The weights file does not say “llama.${key}”.`);
    return value;
  };
  const width = number("embedding_length");
  const heads = number("attention.head_count");
  const headSize = number("attention.key_length", width / heads);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const shape = {
    layers: number("block_count"),
    width,
    heads,
    kvHeads: number("attention.head_count_kv", heads),
    headSize,
    hidden: number("feed_forward_length"),
    vocabulary: byName.get("token_embd.weight")?.shape[1] ?? 0,
    epsilon: number("attention.layer_norm_rms_epsilon"),
    ropeBase: number("rope.freq_base", 10_000),
    ropeDimensions: number("rope.dimension_count", headSize),
    contextLength: number("context_length"),
    tied: !byName.has("output.weight"),
  };
  if (values.has("llama.expert_count") || values.has("llama.rope.scaling.type"))
    throw new InputError("Models with experts or stretched positions cannot be trained here.");
  if (width % 8 || headSize % 8 || shape.hidden % 8 || heads % shape.kvHeads)
    throw new InputError("The sides of the model's matrices are not multiples of 8.");
  const slots = slotsOf(shape);
  const names = new Set(slots.map(({ name }) => name));
  const unknown = tensors.filter(({ name }) => !names.has(name)).map(({ name }) => name);
  if (unknown.length > 0)
    throw new InputError(`The model has tensors that are not known here: ${unknown.slice(0, 5).join(", ")}.`);
  for (const { name, rows, columns } of slots) {
    const sides = byName.get(name)?.shape.join("×");
    if (sides === undefined) throw new InputError(`The weights file lacks the tensor ${name}.`);
    const wanted = rows === 1 ? `${columns}` : `${columns}×${rows}`;
    if (sides !== wanted) throw new InputError(`The tensor ${name} is ${sides}; ${wanted} was expected.`);
  }
  return shape;
}

/**
 * Puts the file's numbers into the model.
 * @param {import("./gguf.mjs").Gguf} gguf
 * @param {import("./model.mjs").Model} model
 */
export function loadWeights({ tensors }, model) {
  for (const tensor of tensors)
    TENSOR_TYPES.get(tensor.typeId)?.read(tensor.bytes, model.weights(tensor.name).subarray(0, tensor.count));
}

/**
 * The file with what the model learned, each tensor in the type that it had. Frozen tensors stay as they were.
 * @param {import("./gguf.mjs").Gguf} gguf
 * @param {import("./model.mjs").Model} model
 * @returns {import("./gguf.mjs").Gguf}
 */
export function withWeights(gguf, model) {
  const tensors = gguf.tensors.map((tensor) => {
    if (!model.learns(tensor.name)) return tensor;
    const bytes = new Uint8Array(tensor.bytes.length);
    TENSOR_TYPES.get(tensor.typeId)?.write(model.weights(tensor.name).subarray(0, tensor.count), bytes);
    return { ...tensor, bytes };
  });
  return { ...gguf, tensors };
}

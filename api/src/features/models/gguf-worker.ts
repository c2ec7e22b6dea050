import { open, stat } from "node:fs/promises";
import { parentPort, workerData } from "node:worker_threads";
import {
  GGMLFileQuantizationType,
  GGMLQuantizationType,
  type GGUFParseOutput,
  type GGUFTensorInfo,
  gguf,
} from "@huggingface/gguf";
import type { GgufAnswer } from "./gguf.ts";
import type { GgufFacts } from "./schema.ts";

/**
 * Bytes per block and weights per block of the common tensor types (ggml's `ggml_type` traits). For others only the
 * start of the tensor is checked.
 */
const BLOCKS: Record<number, { weights: number; bytes: number }> = {
  [GGMLQuantizationType.F32]: { weights: 1, bytes: 4 },
  [GGMLQuantizationType.F16]: { weights: 1, bytes: 2 },
  [GGMLQuantizationType.BF16]: { weights: 1, bytes: 2 },
  [GGMLQuantizationType.Q4_0]: { weights: 32, bytes: 18 },
  [GGMLQuantizationType.Q4_1]: { weights: 32, bytes: 20 },
  [GGMLQuantizationType.Q5_0]: { weights: 32, bytes: 22 },
  [GGMLQuantizationType.Q5_1]: { weights: 32, bytes: 24 },
  [GGMLQuantizationType.Q8_0]: { weights: 32, bytes: 34 },
  [GGMLQuantizationType.Q2_K]: { weights: 256, bytes: 84 },
  [GGMLQuantizationType.Q3_K]: { weights: 256, bytes: 110 },
  [GGMLQuantizationType.Q4_K]: { weights: 256, bytes: 144 },
  [GGMLQuantizationType.Q5_K]: { weights: 256, bytes: 176 },
  [GGMLQuantizationType.Q6_K]: { weights: 256, bytes: 210 },
};

const path: string = workerData;
parentPort?.postMessage(await answer());

async function answer(): Promise<GgufAnswer> {
  const file = await open(path);
  const magic = Buffer.alloc(4);
  await file.read(magic, 0, 4, 0);
  await file.close();
  if (magic.toString("latin1") !== "GGUF") return { fault: "It does not begin with the letters GGUF." };
  try {
    const parsed = await gguf(path, { allowLocalFile: true, computeParametersCount: true });
    const { size } = await stat(path);
    if (parsed.tensorInfos.length === 0) return { fault: "It has no weights in it." };
    if (isCut(parsed, size)) return { fault: "Its end is missing." };
    return { facts: factsOf(parsed) };
  } catch (error) {
    if (error instanceof RangeError) return { fault: "Its header ends too early." };
    return { fault: sentence(error instanceof Error ? error.message : String(error)) };
  }
}

/** Whether the file ends before its tensors do. @param size of the file in bytes */
function isCut({ tensorInfos, tensorDataOffset }: GGUFParseOutput, size: number): boolean {
  return tensorInfos.some((tensor) => tensorDataOffset + tensor.offset + tensorBytes(tensor) > BigInt(size));
}

function tensorBytes({ shape, dtype }: GGUFTensorInfo): bigint {
  const block = BLOCKS[dtype];
  if (!block) return 1n;
  const weights = shape.reduce((product, dimension) => product * dimension, 1n);
  return (weights / BigInt(block.weights)) * BigInt(block.bytes);
}

function factsOf(parsed: GGUFParseOutput & { parameterCount: number }): GgufFacts {
  const metadata = new Map<string, unknown>(Object.entries(parsed.metadata));
  const architecture = text(metadata.get("general.architecture"), 100);
  return {
    architecture,
    parameters: parsed.parameterCount,
    quantization: quantization(metadata.get("general.file_type"), parsed.tensorInfos),
    contextLength: count(metadata.get(`${architecture}.context_length`)),
    chatTemplate: text(metadata.get("tokenizer.chat_template"), 100_000),
    name: text(metadata.get("general.name"), 200),
  };
}

/** What the file says, else the type that most of its weights have. */
function quantization(fileType: unknown, tensors: GGUFTensorInfo[]): string | null {
  const declared = typeof fileType === "number" ? GGMLFileQuantizationType[fileType] : undefined;
  if (declared) return declared;
  const weights = new Map<number, bigint>();
  for (const { dtype, shape } of tensors) {
    const product = shape.reduce((all, dimension) => all * dimension, 1n);
    weights.set(dtype, (weights.get(dtype) ?? 0n) + product);
  }
  const [most] = [...weights].sort(([, a], [, b]) => (a < b ? 1 : -1));
  return most ? (GGMLQuantizationType[most[0]] ?? null) : null;
}

/** Text from a file goes into the database and onto pages: no NUL, no control characters, bounded. */
function text(value: unknown, max: number): string | null {
  if (typeof value !== "string") return null;
  const clean = value.replaceAll(/[^\P{Cc}\n\t]/gu, "").trim();
  return clean ? Array.from(clean).slice(0, max).join("") : null;
}

function count(value: unknown): number | null {
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number > 0 ? number : null;
}

function sentence(message: string): string {
  const line = text(message, 200) ?? "It cannot be read";
  return /[.!?]$/.test(line) ? line : `${line}.`;
}

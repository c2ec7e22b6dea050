import { fileURLToPath } from "node:url";

/** The demo language model that comes with the repository. */
export const TINY = {
  path: fileURLToPath(new URL("../../../models/tiny-chat-q8_0.gguf", import.meta.url)),
  size: 4_636_896,
  sha256: "e8efdda64a1249d468ac2cd63b1b8903344ab1e35c2b4759ee4d43027afa88ab",
  cid: "bafybeiegoyquzjz364kso5aqtirhwuhiwmos4zqsruv5co6r5dn5ussjmq",
  contextLength: 1_024,
} as const;

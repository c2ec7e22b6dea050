import { expect, test } from "vitest";
import { ConfigError } from "../../src/config.ts";
import { readTronConfig } from "../../tron/config.ts";
import { runWatcher } from "../../tron/watcher.ts";
import { makeBlocks, startNode } from "./node.ts";
import { AIFORGE, configFor } from "./support.ts";

const PUBLIC = {
  DATABASE_URL: "postgres://localhost/none",
  TRON_URL: "https://nile.example",
  TRON_AIFORGE_ADDRESS: AIFORGE,
};

test.each([
  { name: "not set", env: {} },
  { name: "empty", env: { TRON_START_BLOCK: "" } },
  { name: "0", env: { TRON_START_BLOCK: "0" } },
  {
    name: "0 and one of the nodes is on this machine",
    env: { TRON_URL: "http://127.0.0.1:1,https://a.example" },
  },
])("a public chain is not read when its start block is $name", ({ env }) => {
  const read = () => readTronConfig({ ...PUBLIC, ...env });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(/TRON_START_BLOCK .* set it to the block that the contract was deployed in/);
});

test("a public chain is read from the start block that is set, one on this machine from 0 on without", () => {
  expect(readTronConfig({ ...PUBLIC, TRON_START_BLOCK: "7" })).toMatchObject({ startBlock: 7, local: false });
  const here = { ...PUBLIC, TRON_URL: "http://127.0.0.1:1" };
  expect(readTronConfig(here)).toMatchObject({ startBlock: 0, local: true });
});

test("a public chain behind a node on this machine is not read from its first block on either", async () => {
  const [genesis] = makeBlocks([[]]);
  if (!genesis) throw new Error("No block");
  genesis.block.blockID = `${"00".repeat(28)}cd8690dc`;
  const node = await startNode([genesis]);
  try {
    const config = configFor(PUBLIC.DATABASE_URL, [node.url]);
    const running = runWatcher(config, { signal: AbortSignal.timeout(60_000), log: () => {} });
    await expect(running).rejects.toThrow(ConfigError);
  } finally {
    await node.close();
  }
});

test("a node has some time for an answer", () => {
  const read = (ms: string) => readTronConfig({ ...PUBLIC, TRON_START_BLOCK: "7", TRON_ANSWER_MS: ms });
  expect(read("")?.answerMs).toBe(15_000);
  expect(read("900")?.answerMs).toBe(900);
  expect(() => read("0")).toThrow('TRON_ANSWER_MS must be a whole number, 1 or more; it is "0".');
});

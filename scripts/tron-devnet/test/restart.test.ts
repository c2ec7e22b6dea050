import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { tetherTronBytecode, usdtAbi } from "@aiforge/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ChainFileError } from "../src/index.ts";
import { addressOf, client, deploy, KEYS, startTestDevnet } from "./client.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tron-devnet-"));
});
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

const bob = addressOf(KEYS.bob);
const BIN = fileURLToPath(new URL("../bin/tron-devnet.mjs", import.meta.url));

/** Runs the command until it says where it is. @param most the size of the files that it can write, in KiB */
async function command(args: string[], most: number | "unlimited" = "unlimited") {
  const limited = ["-c", `ulimit -f ${most}; exec "$@"`, "bash", process.execPath];
  const child = spawn("bash", [...limited, BIN, "--port", "0", "--dir", directory, ...args]);
  children.push(child);
  let output = "";
  for await (const chunk of child.stdout) {
    output += chunk;
    const url = /tron-devnet at (\S+), chain id/.exec(output)?.[1];
    if (url) return { child, url };
  }
  throw new Error(output);
}

test("a chain goes on where it was, its contracts and what may be replaced included", async () => {
  const first = await startTestDevnet({ directory });
  await first.mine();
  const usdt = await deploy(first, client(first.url), {
    abi: usdtAbi,
    bytecode: tetherTronBytecode,
    parameters: [5n],
  });
  const { txid } = await client(first.url).trx.sendTransaction(bob, 1);
  await first.mine(3);
  await first.reorg({ depth: 1 });
  const [head, block, info] = [
    first.head(),
    await client(first.url).trx.getCurrentBlock(),
    await client(first.url).trx.getUnconfirmedTransactionInfo(txid),
  ];
  await first.close();

  // What the new process is told of the beginning is of no use to a chain that has one.
  await using second = await startTestDevnet({ directory, chainId: 7, accounts: {} });
  const tron = client(second.url);
  expect(second.chainId).toBe(first.chainId);
  expect(second.head()).toBe(head);
  expect(await tron.trx.getCurrentBlock()).toEqual(block);
  expect(await tron.trx.getUnconfirmedTransactionInfo(txid)).toEqual(info);
  const { constant_result } = await tron.transactionBuilder.triggerConstantContract(
    usdt,
    "totalSupply()",
    {},
    [],
  );
  expect(BigInt(`0x${constant_result[0]}`)).toBe(5n);
  const balance = await tron.trx.getUnconfirmedBalance(bob);
  await second.reorg({ depth: 4, drop: [txid] });
  expect(await tron.trx.getUnconfirmedBalance(bob)).toBe(balance - 1);
});

const control = (url: string, name: string, body?: object) =>
  fetch(`${url}/devnet/${name}`, {
    ...(body && { method: "POST", headers: { "content-type": "application/json" } }),
    ...(body && { body: JSON.stringify(body) }),
  });
const headOf = async (url: string) =>
  ((await (await control(url, "status")).json()) as { head: number }).head;

test("what was seen outlives kill -9 while blocks are made, an unfinished line and a full disk", async () => {
  const file = join(directory, "chain.jsonl");
  const { child, url } = await command(["--block-time", "50", "--fund", `${addressOf(KEYS.alice)}=1000`]);
  const sent = await client(url).trx.sendTransaction(bob, 2_000_000);
  let seen = { blockNumber: 0 };
  while (!seen.blockNumber) seen = await client(url).trx.getUnconfirmedTransactionInfo(sent.txid);
  const mining = control(url, "mine", { blocks: 100_000 }).catch(() => "killed");
  let head = 0;
  while (head < seen.blockNumber + 300) head = await headOf(url);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await mining).toBe("killed");
  await appendFile(file, '{"t":17');

  const { size } = await stat(file);
  const again = await command(["--block-time", "0"], Math.ceil(size / 1024) + 2);
  expect(await headOf(again.url)).toBeGreaterThanOrEqual(head);
  const tron = client(again.url);
  expect(await tron.trx.getUnconfirmedTransactionInfo(sent.txid)).toEqual(seen);
  expect(await tron.trx.getUnconfirmedBalance(bob)).toBe(2_000_000);
  const { txid } = await tron.trx.sendTransaction(bob, 1);
  expect((await control(again.url, "mine", { blocks: 1 })).status).toBe(200);
  expect((await control(again.url, "mine", { blocks: 1000 })).status).toBe(500);
  head = await headOf(again.url);
  const whole = await readFile(file, "utf8");
  expect(whole.endsWith("}\n")).toBe(true);
  expect(whole.split("\n")).toHaveLength(head + 2);
  again.child.kill("SIGTERM");
  await once(again.child, "exit");
  expect(again.child.exitCode).toBe(0);

  await using last = await startTestDevnet({ directory });
  expect(last.head()).toBe(head);
  expect(await client(last.url).trx.getUnconfirmedTransactionInfo(txid)).toMatchObject({ id: txid });
  expect(await client(last.url).trx.getUnconfirmedBalance(bob)).toBe(2_000_001);
});

test("two processes cannot make blocks in one directory", async () => {
  await using first = await startTestDevnet({ directory });
  await using second = await startTestDevnet({ directory });
  const { txid } = await client(first.url).trx.sendTransaction(bob, 1);
  await second.mine(2);
  await expect(first.mine()).rejects.toThrow(ChainFileError);
  // What was sent waits, and what is on the disk is the other's.
  expect(await client(first.url).fullNode.request("wallet/getpendingsize")).toEqual({ pendingSize: 1 });
  expect(await client(first.url).trx.getUnconfirmedTransactionInfo(txid)).toEqual({});
  await using third = await startTestDevnet({ directory });
  expect(third.head()).toBe(second.head());
});

test("a directory that holds something else is refused", async () => {
  await writeFile(join(directory, "chain.jsonl"), "something else\n");
  await expect(startTestDevnet({ directory })).rejects.toThrow("is damaged");
});

test("memory stays flat over many empty blocks", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used = () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  await using devnet = await startTestDevnet();
  await devnet.mine(2000);
  const before = used();
  await devnet.mine(20_000);
  // 48 bytes each are 1 MB.
  expect(used() - before).toBeLessThan(8 * 1024 * 1024);
});

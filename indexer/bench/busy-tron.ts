import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { accountRef, aiforgeAbi, DEMO_ACCOUNTS, demoAccount, usdtAbi } from "@aiforge/contracts";
import { deployLocalTron } from "@aiforge/contracts/localTron";
import {
  type AskTron,
  broadcastTron,
  buildTronCall,
  buildTronTransfer,
  type TronJson,
  tronNode,
} from "@aiforge/contracts/tron";
import { type Address, createClient, custom, encodeFunctionData, type Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { freePort } from "../../scripts/testing/postgres.ts";

const CLI = fileURLToPath(new URL("../../scripts/tron-devnet/src/cli.ts", import.meta.url));
const USDT = 1_000_000n;
/** Sun that a call may cost. */
const FEE_LIMIT = 100_000_000n;
/** Blocks upon the last one, so that it is solid. */
const UPON = 18;
/** A transaction that refers to an older block than so many ago would be near its end, a minute of the chain's time. */
const REFERRED = 8;
/** One block in so many holds a purchase. */
const PURCHASE_EVERY = 4;

/** A local Tron in a process of its own, whose blocks are made already. */
export interface BusyTron {
  url: string;
  aiforge: Address;
  usdt: Address;
  cashier: Address;
  /** The first block that is full, and the newest that is solid: all between are full. */
  first: number;
  solid: number;
  stop: () => Promise<void>;
}

/**
 * Starts a local Tron and fills blocks of ten transactions: six or seven transfers of USDT among others and one of TRX,
 * which are none of ours; two transfers of USDT to the cashier; and in every fourth block a plan that is bought from the
 * contract. On a real chain that would be 58,000 transfers and 7,000 purchases a day.
 */
export async function startBusyTron(blocks: number): Promise<BusyTron> {
  const directory = await mkdtemp(join(tmpdir(), "aiforge-bench-tron-"));
  const port = await freePort();
  const child = spawn(process.execPath, [CLI, "--port", String(port), "--block-time", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await listening(child);
    const url = `http://127.0.0.1:${port}`;
    const { usdt, aiforge } = await deployLocalTron({ url, file: join(directory, "tron.json") });
    const cashier = demoAccount("cashier").address;
    const node = tronNode(url, { timeoutMs: 60_000 });
    const mine = (count: number) => node("devnet/mine", { blocks: count }) as Promise<{ head: number }>;
    const sender = senderOn(node);
    const allow = encodeFunctionData({ abi: usdtAbi, functionName: "approve", args: [aiforge, 2n ** 200n] });
    await broadcastTron(url, await sender.signed({ to: usdt, data: allow }));
    const { head } = await mine(1);
    let mined: Promise<unknown> = Promise.resolve();
    for (let block = 0; block < blocks; block++) {
      if (block % REFERRED === 0) sender.forgetHeads();
      const transactions = await Promise.all(
        callsOf(block, { usdt, aiforge, cashier }).map((each) => sender.signed(each)),
      );
      // Signing took its time while the block before was made.
      await mined;
      await Promise.all(transactions.map((each) => broadcastTron(url, each)));
      mined = mine(1);
    }
    await mined;
    await mine(UPON);
    await requirePaid(node, head + blocks);
    return { url, aiforge, usdt, cashier, first: head + 1, solid: head + blocks, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function listening(child: ChildProcess): Promise<void> {
  const lines = child.stdout && createInterface({ input: child.stdout });
  const ended = once(child, "exit").then(() => Promise.reject(new Error("The local Tron did not start")));
  ended.catch(() => {});
  await Promise.race([lines && once(lines, "line"), ended]);
}

/** What a sender does: a call of a contract, or TRX. */
type Wanted = { to: Address; data: Hex } | { to: Address; sun: bigint };

function callsOf(
  block: number,
  { usdt, aiforge, cashier }: Pick<BusyTron, "usdt" | "aiforge" | "cashier">,
): Wanted[] {
  const transfer = (to: Address, amount: bigint): Wanted => ({
    to: usdt,
    data: encodeFunctionData({ abi: usdtAbi, functionName: "transfer", args: [to, amount] }),
  });
  const others = DEMO_ACCOUNTS.filter(({ role }) => role !== "cashier" && role !== "faucet");
  const account = accountRef("user", `11111111-1111-4111-8111-${String(block).padStart(12, "0")}`);
  const plan = encodeFunctionData({
    abi: aiforgeAbi,
    functionName: "buyPlan",
    args: [1, 1n, 10n * USDT, account, 0],
  });
  return [
    ...others.slice(0, 6).map(({ address }, n) => transfer(address, BigInt(block + n + 1))),
    transfer(cashier, BigInt(block + 1)),
    transfer(cashier, BigInt(block + 2)),
    block % PURCHASE_EVERY === 0
      ? { to: aiforge, data: plan }
      : transfer(others[0]?.address ?? cashier, BigInt(block + 3)),
    { to: others[0]?.address ?? cashier, sun: 1n },
  ];
}

/** Signs for the faucet, which has all the USDT. The heads are asked for once, until they are to be forgotten. */
function senderOn(node: AskTron) {
  const { address: from, privateKey } = demoAccount("faucet");
  const account = privateKeyToAccount(privateKey);
  const heads = new Map<string, Promise<unknown>>();
  const request = ({ params: [path, body] }: { params: [string, TronJson] }) => {
    const known = heads.get(path) ?? node(path, body);
    heads.set(path, known);
    return known;
  };
  const client = createClient({ transport: custom({ request }) });
  return {
    forgetHeads: () => heads.clear(),
    signed: async (wanted: Wanted) => {
      const built =
        "data" in wanted
          ? await buildTronCall({ client, from, feeLimit: FEE_LIMIT, ...wanted })
          : await buildTronTransfer({ client, from, ...wanted });
      return { ...built, signature: [(await account.sign({ hash: `0x${built.txID}` })).slice(2)] };
    },
  };
}

/** @throws where the block's transactions are not all there, or one of them failed: then it is not what is measured */
async function requirePaid(node: AskTron, block: number): Promise<void> {
  const infos = (await node("walletsolidity/gettransactioninfobyblocknum", { num: block })) as {
    result?: string;
  }[];
  const good = infos.filter(({ result }) => result === undefined).length;
  if (good !== 10) throw new Error(`Block ${block} of the local Tron has ${good} good transactions, not 10`);
}

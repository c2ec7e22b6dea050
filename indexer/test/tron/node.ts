import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { aiforgeAbi, showTronAddress } from "@aiforge/contracts";
import { encodeEventTopics, type Hex, pad, toEventSelector, toHex } from "viem";
import { testClient } from "../../../scripts/testing/chain.ts";
import { AIFORGE, CASHIER, SENDER, USDT } from "./support.ts";

/** A block and its infos as a node's JSON. */
export interface Served {
  block: Record<string, unknown> & { blockID: string };
  infos: (Record<string, unknown> & { id: string })[];
}

export type Fault = 429 | 403 | 503 | "{}" | "[]" | "cut" | "hang" | null;

/** What a test turns on a node. */
export interface NodeControls {
  blocks: Served[];
  /** Heights that it tells of. */
  head: number;
  solid: number;
  fault: (path: string) => Fault;
  /** What it says instead of an answer; `asked` is the body of the request. */
  lie: (path: string, asked: Record<string, unknown>, answer: unknown) => unknown;
  /** Answers of the events API by page, in turn; null lets it fail. */
  pages: (query: URLSearchParams) => unknown;
  requests: Map<string, number>;
}

export interface TestNode extends NodeControls {
  url: string;
  close: () => Promise<void>;
}

const plain = (hex: Hex): string => hex.slice(2).toLowerCase();

/** Starts a node that serves blocks by the documented shapes. */
export async function startNode(blocks: Served[]): Promise<TestNode> {
  const top = blocks.length - 1;
  const controls: NodeControls = {
    blocks,
    head: top,
    solid: top,
    fault: () => null,
    lie: (_path, _asked, answer) => answer,
    pages: () => ({ success: true, data: [], meta: {} }),
    requests: new Map(),
  };
  const server: Server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://node");
    const path = url.pathname.slice(1);
    const params = await readJson(request);
    controls.requests.set(path, (controls.requests.get(path) ?? 0) + 1);
    const fault = controls.fault(path);
    if (fault === "hang") return;
    if (typeof fault === "number") return void response.writeHead(fault, { "retry-after": "0" }).end("no");
    const body =
      fault === "{}" || fault === "[]"
        ? fault
        : JSON.stringify(controls.lie(path, params, answer(controls, path, params, url)));
    if (fault === "cut") {
      response.writeHead(200, { "content-length": String(body.length + 9) });
      response.write(body.slice(0, body.length / 2));
      return void response.destroy();
    }
    response.writeHead(200, { "content-type": "application/json" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(controls, {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

function answer(
  node: NodeControls,
  path: string,
  params: Record<string, unknown>,
  { searchParams }: URL,
): unknown {
  const [api, name] = path.split("/");
  if (api === "v1") return node.pages(searchParams);
  const top = api === "walletsolidity" ? node.solid : node.head;
  const at = (number: unknown) => (Number(number) <= top ? node.blocks[Number(number)] : undefined);
  switch (name) {
    case "getnowblock":
      return node.blocks[top]?.block;
    case "getblockbynum":
      return at(params.num)?.block ?? {};
    case "getblockbylimitnext": {
      const found = node.blocks.slice(Number(params.startNum), Math.min(Number(params.endNum), top + 1));
      return found.length > 0 ? { block: found.map(({ block }) => block) } : {};
    }
    case "gettransactioninfobyblocknum":
      return at(params.num)?.infos ?? [];
    case "gettransactioninfobyid":
      return (
        node.blocks
          .slice(0, top + 1)
          .flatMap(({ infos }) => infos)
          .find(({ id }) => id === params.value) ?? {}
      );
    default:
      return { Error: `no ${path}` };
  }
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const idOf = (number: number, seed: string) => number.toString(16).padStart(16, "0") + hash(seed).slice(16);

/** Everything on an EVM chain, in the shapes of a Tron node: the same transactions, logs, heights and times. */
export async function recordEvm(rpcUrl: string): Promise<Served[]> {
  const client = testClient(rpcUrl);
  const head = Number(await client.getBlockNumber({ cacheTime: 0 }));
  const served: Served[] = [];
  for (let number = 0; number <= head; number++) {
    const block = await client.getBlock({ blockNumber: BigInt(number) });
    const infos: Served["infos"] = [];
    for (const id of block.transactions) {
      const receipt = await client.getTransactionReceipt({ hash: id });
      const failed = receipt.status !== "success";
      infos.push({
        id: plain(id),
        blockNumber: number,
        contractResult: [""],
        receipt: { energy_usage_total: Number(receipt.gasUsed), result: failed ? "REVERT" : "SUCCESS" },
        ...(failed && { result: "FAILED" }),
        log: receipt.logs.map(({ address, topics, data }) => ({
          address: plain(address),
          topics: topics.map(plain),
          ...(data !== "0x" && { data: plain(data) }),
        })),
      });
    }
    served.push(blockOf(number, served.at(-1), Number(block.timestamp), infos, `${block.hash}`));
  }
  return served;
}

function blockOf(
  number: number,
  parent: Served | undefined,
  seconds: number,
  infos: Served["infos"],
  seed: string,
): Served {
  const raw = {
    ...(number > 0 && { number }),
    parentHash: parent?.block.blockID ?? "00".repeat(32),
    timestamp: seconds * 1000,
  };
  const blockID = idOf(number, `${seed}${raw.parentHash}`);
  const transactions = infos.map(({ id, call, raw = rawOf(call) }) => ({
    txID: id,
    ret: [{ contractRet: "SUCCESS" }],
    raw_data: raw,
  }));
  return {
    block: {
      blockID,
      block_header: { raw_data: raw },
      ...(transactions.length > 0 && { transactions }),
    },
    infos: infos.map(({ call: _call, raw: _raw, ...info }) => info as Served["infos"][number]),
  };
}

const rawOf = (value: unknown = {}, type = "TriggerSmartContract") => ({
  contract: [{ type, parameter: { value } }],
});

/** One transaction of a made-up block. */
export interface Made {
  seed: string;
  logs?: { address: Hex; topics: Hex[]; data?: Hex }[];
  /** What the receipt says; SUCCESS when left out, null for a transfer of TRX. */
  result?: string | null;
  call?: { contract_address: string; data?: string };
  /** All of it, where it is no such call. */
  raw?: unknown;
}

/** A transaction that moves what is no token of a contract: TRX, or one of those that Tron has without contracts. */
export const moves = (
  type: "TransferContract" | "TransferAssetContract",
  to: Hex,
  more: object,
): Partial<Made> => ({
  raw: rawOf({ owner_address: `41${"5e".repeat(20)}`, to_address: `41${plain(to)}`, ...more }, type),
  result: null,
});

const START = 1_700_000_000;

/** Blocks 0 to n with these transactions, `apart` seconds apart. `fork` makes other ids of the same. */
export function makeBlocks(
  transactions: Made[][],
  { before = [], fork = "", apart = 3 }: { before?: Served[]; fork?: string; apart?: number } = {},
): Served[] {
  const served = [...before];
  for (const made of transactions) {
    const number = served.length;
    const infos = made.map(({ seed, logs = [], result = "SUCCESS", call, raw }) => ({
      id: hash(seed),
      blockNumber: number,
      receipt: result === null ? { net_usage: 268 } : { result },
      ...(result !== null && result !== "SUCCESS" && { result: "FAILED", resMessage: "6e6f" }),
      ...(logs.length > 0 && {
        log: logs.map(({ address, topics, data = "0x" }) => ({
          address: plain(address),
          topics: topics.map(plain),
          ...(data !== "0x" && { data: plain(data) }),
        })),
      }),
      ...(call && { call }),
      ...(raw !== undefined && { raw }),
    }));
    served.push(blockOf(number, served.at(-1), START + apart * number, infos, `${fork}${number}`));
  }
  return served;
}

export const txOf = (seed: string): Hex => `0x${hash(seed)}`;

/** The log of a token's transfer. */
export const transferLog = (token: Hex, from: Hex, to: Hex, amount: bigint) => ({
  address: token,
  topics: [toEventSelector("Transfer(address,address,uint256)"), pad(from), pad(to)],
  data: toHex(amount, { size: 32 }),
});

/** The call of a token's transfer, as a block shows it. */
export const transferCall = (token: Hex, to: Hex, amount: bigint) => ({
  contract_address: `41${plain(token)}`,
  data: `a9059cbb${plain(pad(to))}${plain(toHex(amount, { size: 32 }))}`,
});

/** The contract's log of a deposit of credit. */
export const depositedLog = (payee: Hex, amount: bigint) => ({
  address: AIFORGE,
  topics: encodeEventTopics({
    abi: aiforgeAbi,
    eventName: "Deposited",
    args: { payer: SENDER, payee },
  }) as Hex[],
  data: `${toHex(amount, { size: 32 })}${toHex(amount, { size: 32 }).slice(2)}` as Hex,
});

/** A transfer to the cashier as an event server lists it, which is enough of an event too. */
export const listed = (seed: string, block: number, timestamp: number, amount = 1n, more: object = {}) => ({
  transaction_id: plain(txOf(seed)),
  block_number: block,
  block_timestamp: timestamp,
  event_index: 0,
  token_info: { address: showTronAddress(USDT) },
  type: "Transfer",
  to: showTronAddress(CASHIER),
  value: String(amount),
  ...more,
});

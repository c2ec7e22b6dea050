import { type Client, type CustomTransport, custom, numberToHex } from "viem";
import { blockAt, readBlock, rpcBlock, tronChainId, tronHead } from "./blocks.ts";
import { balanceOf, callContract, codeOf, energyPrice, estimateEnergy, type RpcCall } from "./calls.ts";
import { type AskTron, type TronJson, type TronNodeOptions, tronError, tronNode } from "./node.ts";
import { rpcReceipt, rpcTransaction } from "./transactions.ts";

type Method = (ask: AskTron, params: readonly unknown[]) => Promise<unknown>;

/** What of JSON-RPC can be answered from a Tron node's HTTP API. */
const METHODS: Record<string, Method> = {
  eth_blockNumber: async (ask) => numberToHex((await tronHead(ask)).number),
  eth_getBlockByNumber: async (ask, [tag]) => {
    const block = await blockAt(ask, tag);
    return block && rpcBlock(block);
  },
  eth_getBlockByHash: async (ask, [hash]) => {
    const block = readBlock(await ask("wallet/getblockbyid", { value: String(hash).slice(2) }));
    return block && rpcBlock(block);
  },
  eth_call: (ask, [call, tag, overrides]) => {
    if (overrides !== undefined) throw tronError("eth_call", -32602, "A Tron node overrides no state.");
    return callContract(ask, call as RpcCall, tag);
  },
  eth_estimateGas: async (ask, [call]) => numberToHex(await estimateEnergy(ask, call as RpcCall)),
  eth_gasPrice: async (ask) => numberToHex(await energyPrice(ask)),
  eth_maxPriorityFeePerGas: async () => "0x0",
  eth_getBalance: (ask, [address]) => balanceOf(ask, String(address)),
  eth_getCode: (ask, [address]) => codeOf(ask, String(address)),
  eth_getTransactionByHash: (ask, [hash]) => rpcTransaction(ask, String(hash)),
  eth_getTransactionReceipt: (ask, [hash]) => rpcReceipt(ask, String(hash)),
  // Not of JSON-RPC: the node's own API, for what only Tron has.
  tron_node: (ask, [path, body]) => ask(String(path), body as TronJson | undefined),
};

export interface TronTransportOptions extends TronNodeOptions {
  /** How often a question that failed is asked again; once if not told. */
  retryCount?: number;
}

/**
 * Lets a viem client read a Tron chain through a node's HTTP API: gas is energy, wei are sun, `finalized` is solid.
 * Addresses are the 20 bytes that contracts see. There are no account nonces and no `eth_sendRawTransaction`.
 * @param url the node, such as `https://api.trongrid.io`
 */
export function tronTransport(
  url: string,
  { retryCount = 1, ...options }: TronTransportOptions = {},
): CustomTransport {
  const ask = tronNode(url, options);
  // The one answer that can never change.
  let chainId: string | undefined;
  const request = async ({ method, params }: { method: string; params?: unknown }): Promise<unknown> => {
    if (method === "eth_chainId") {
      chainId ??= numberToHex(await tronChainId(ask));
      return chainId;
    }
    const answer = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
    if (!answer) throw tronError(method, -32601, `A Tron node has no ${method}.`);
    return await answer(ask, Array.isArray(params) ? params : []);
  };
  return custom({ request }, { key: KEY, name: "Tron node", retryCount });
}

const KEY = "tron";

/** Whether a client reads a Tron chain. */
export const isTronClient = ({ transport }: Pick<Client, "transport">): boolean => transport.key === KEY;

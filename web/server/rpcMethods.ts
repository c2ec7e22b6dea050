/**
 * What a page needs of a node: reading, and sending what a wallet has already signed. Nothing that signs with the
 * node's own keys (eth_sendTransaction, eth_sign, eth_accounts), changes the chain (anvil_, evm_, hardhat_) or looks
 * inside the node (debug_, trace_, admin_, txpool_).
 */
const ALLOWED = new Set([
  "eth_blobBaseFee",
  "eth_blockNumber",
  "eth_call",
  "eth_chainId",
  "eth_createAccessList",
  "eth_estimateGas",
  "eth_feeHistory",
  "eth_fillTransaction",
  "eth_gasPrice",
  "eth_getBalance",
  "eth_getBlockByHash",
  "eth_getBlockByNumber",
  "eth_getBlockReceipts",
  "eth_getBlockTransactionCountByHash",
  "eth_getBlockTransactionCountByNumber",
  "eth_getCode",
  "eth_getLogs",
  "eth_getProof",
  "eth_getStorageAt",
  "eth_getTransactionByBlockHashAndIndex",
  "eth_getTransactionByBlockNumberAndIndex",
  "eth_getTransactionByHash",
  "eth_getTransactionCount",
  "eth_getTransactionReceipt",
  "eth_maxPriorityFeePerGas",
  "eth_sendRawTransaction",
  "eth_syncing",
  "net_listening",
  "net_version",
  "web3_clientVersion",
  "web3_sha3",
]);

/** How many calls one batch may hold. */
const MAX_BATCH = 50;

export type RpcRefusal = { code: number; message: string; id: string | number | null };

/** Why this body may not go to the node, as a JSON-RPC 2.0 error, or null when it may. */
export function refuseRpc(body: unknown): RpcRefusal | null {
  const calls = Array.isArray(body) ? body : [body];
  if (calls.length === 0) return { code: -32600, message: "An empty batch", id: null };
  if (calls.length > MAX_BATCH)
    return { code: -32600, message: `A batch holds at most ${MAX_BATCH} calls`, id: null };
  for (const call of calls) {
    const isCall =
      typeof call === "object" && call !== null && typeof (call as { method?: unknown }).method === "string";
    if (!isCall) return { code: -32600, message: "Not a JSON-RPC call", id: null };
    const { method, id } = call as { method: string; id?: unknown };
    if (ALLOWED.has(method)) continue;
    const callId = typeof id === "string" || typeof id === "number" ? id : null;
    return { code: -32601, message: `The method ${method.slice(0, 60)} is not available here`, id: callId };
  }
  return null;
}

/** The calls with the four names that JSON-RPC 2.0 knows and no others. `body` is one that was not refused. */
export function onlyCalls(body: unknown): unknown {
  if (Array.isArray(body)) return body.map(onlyCalls);
  const { jsonrpc, id, method, params } = body as Record<string, unknown>;
  return { jsonrpc, id, method, params };
}

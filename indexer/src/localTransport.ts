import { custom, http, type Transport } from "viem";

interface Block {
  hash: string;
  parentHash: string;
  timestamp: string;
}

/**
 * Transport for a development chain. Each time anvil loads a saved state it makes up another block 0, with
 * another hash and time, under the same block 1. A young chain has no other final block, so Ponder would
 * take every restart for a reorg of final blocks and stop following. Here block 0 is told by block 1.
 */
export function localTransport(rpcUrl: string): Transport {
  return (options) => {
    const upstream = http(rpcUrl)({ ...options, retryCount: 0 });
    const blockByNumber = (number: string): Promise<Block | null> =>
      upstream.request({ method: "eth_getBlockByNumber", params: [number, false] });
    return custom({
      async request({ method, params }: { method: string; params?: unknown[] }) {
        const answer: unknown = await upstream.request({ method, params });
        if (method !== "eth_getBlockByNumber" || params?.[0] !== "0x0" || !answer) return answer;
        const first = await blockByNumber("0x1");
        return first ? { ...answer, hash: first.parentHash, timestamp: first.timestamp } : answer;
      },
    })(options);
  };
}

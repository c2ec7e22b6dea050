import { aiforgeAbi, usdtAbi } from "@aiforge/contracts";
import { createConfig } from "ponder";
import { readConfig } from "../src/config.ts";
import { localTransport } from "../src/localTransport.ts";

const { databaseUrl, chains } = readConfig();

export default createConfig({
  database: {
    kind: "postgres",
    connectionString: databaseUrl,
    // Ponder keeps 2 connections for itself and shares the rest between reads, handlers and sync.
    poolConfig: { max: 14 },
  },
  // Each chain follows its own head: one that is down does not hold the others back.
  ordering: "multichain",
  chains: Object.fromEntries(
    chains.map((chain) => [
      chain.caip2,
      {
        id: chain.id,
        rpc: chain.local ? localTransport(chain.rpcUrl) : chain.rpcUrl,
        pollingInterval: chain.pollingInterval,
        disableCache: chain.local,
      },
    ]),
  ),
  contracts: {
    AIForge: {
      abi: aiforgeAbi,
      chain: Object.fromEntries(
        chains.map((chain) => [chain.caip2, { address: chain.aiforge, startBlock: chain.startBlock }]),
      ),
    },
    Usdt: {
      abi: usdtAbi,
      chain: Object.fromEntries(
        chains.flatMap(({ caip2, cashier, usdt, startBlock }) =>
          cashier && usdt
            ? [
                [
                  caip2,
                  {
                    address: usdt,
                    startBlock,
                    filter: { event: "Transfer" as const, args: { to: cashier } },
                  },
                ],
              ]
            : [],
        ),
      ),
    },
  },
});

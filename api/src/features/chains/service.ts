import { aiforgeAbi } from "@aiforge/contracts";
import { inArray } from "drizzle-orm";
import type { Chain } from "../../chain/chains.ts";
import { chainHeads, chainSettings } from "../../chain/schema.ts";
import type { Deps } from "../../deps.ts";

/** How far the mirror is on each chain, by CAIP-2 id; a chain it has not begun is missing. */
export async function mirroredBlocks(deps: Deps): Promise<Map<string, number>> {
  const ids = deps.chains.all.map(({ chain }) => chain);
  const rows = await deps.db.select().from(chainHeads).where(inArray(chainHeads.chainId, ids));
  return new Map(rows.map(({ chainId, blockNumber }) => [chainId, Number(blockNumber)]));
}

/** The configured chains with their present state. */
export async function listChains(deps: Deps) {
  const ids = deps.chains.all.map(({ chain }) => chain);
  const [mirrored, settings] = await Promise.all([
    mirroredBlocks(deps),
    deps.db.select().from(chainSettings).where(inArray(chainSettings.chainId, ids)),
  ]);
  return Promise.all(
    deps.chains.all.map(async (chain) => ({
      chain: chain.chain,
      namespace: chain.namespace,
      chainId: chain.chainId,
      name: chain.name,
      rpcUrl: chain.publicRpcUrl,
      aiforge: chain.aiforge.toLowerCase(),
      usdt: chain.usdt.toLowerCase(),
      treasury:
        settings.find(({ chainId }) => chainId === chain.chain)?.treasury ?? (await treasuryOf(chain)),
      confirmations: chain.confirmations,
      explorer: chain.explorer,
      demo: chain.demo,
      headBlock: await chain.head().then(Number, () => null),
      mirroredBlock: mirrored.get(chain.chain) ?? null,
    })),
  );
}

/** Asked of the contract itself as long as the mirror does not know it; null when the chain is unreachable. */
function treasuryOf({ client, aiforge }: Chain): Promise<string | null> {
  return client.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "treasury" }).then(
    (treasury) => treasury.toLowerCase(),
    () => null,
  );
}

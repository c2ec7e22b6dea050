import { aiforgeAbi } from "@aiforge/contracts";
import { inArray } from "drizzle-orm";
import type { Chain } from "../../chain/chains.ts";
import { readChain } from "../../chain/read.ts";
import { recentReads } from "../../chain/recent.ts";
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
    deps.chains.all.map(async (chain) => {
      const known = settings.find(({ chainId }) => chainId === chain.chain)?.treasury;
      const [treasury, headBlock] = await Promise.all([known ?? treasuryOf(chain), headOf(chain)]);
      return viewChain(chain, { treasury, headBlock, mirroredBlock: mirrored.get(chain.chain) ?? null });
    }),
  );
}

/** Height of a chain's newest block; null when it does not tell in time. */
export const headOf = (chain: Chain): Promise<number | null> =>
  readChain(chain, () => chain.head()).then(Number, () => null);

function viewChain<State>(chain: Chain, state: State) {
  return {
    chain: chain.chain,
    namespace: chain.namespace,
    chainId: chain.chainId,
    name: chain.name,
    rpcUrl: chain.publicRpcUrl,
    aiforge: chain.aiforge.toLowerCase(),
    usdt: chain.usdt.toLowerCase(),
    confirmations: chain.confirmations,
    explorer: chain.explorer,
    demo: chain.demo,
    ...state,
  };
}

const treasuries = recentReads<string>();

/** Asked of the contract itself as long as the mirror does not know it; null when the chain is unreachable. */
function treasuryOf(chain: Chain): Promise<string | null> {
  const asked = { address: chain.aiforge, abi: aiforgeAbi, functionName: "treasury" } as const;
  return treasuries(chain, "", () => chain.client.readContract(asked)).then(
    (treasury) => treasury.toLowerCase(),
    () => null,
  );
}

import { aiforgeAbi } from "@aiforge/contracts";
import { zeroAddress } from "viem";
import { readChain } from "../../chain/read.ts";
import type { Executor } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { expectedFrom, forgetOnchainModel } from "./queries.ts";

/**
 * Takes back the right to publish a group's models from who is no owner of it any more. A quoted call can be signed at
 * any time, and who signs it owns the model on chain, prices and split included. What is published already stays; the
 * chain says so itself, since the mirror may be behind.
 * @param tx the transaction that ends the ownership: the one goes with the other
 * @throws AppError `chain_unavailable` (503)
 */
export async function revokePublishing(
  { chains }: Pick<Deps, "chains">,
  tx: Executor,
  { groupId, userId }: { groupId: string; userId: string },
): Promise<void> {
  for (const { chain: id, onchainId } of await expectedFrom(tx, groupId, userId)) {
    const chain = chains.get(id);
    const [owner] = await readChain(chain, () =>
      chain.client.readContract({
        address: chain.aiforge,
        abi: aiforgeAbi,
        functionName: "modelOf",
        args: [onchainId as `0x${string}`],
      }),
    );
    if (owner === zeroAddress) await forgetOnchainModel(tx, id, onchainId);
  }
}

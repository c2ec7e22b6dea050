import { aiforgeAbi } from "@aiforge/contracts";
import { type Address, keccak256, stringToHex } from "viem";
import { wallet } from "./wallet.svelte.ts";

const ADMIN = keccak256(stringToHex("ADMIN"));

/** Whether one of the wallets holds the contract's role ADMIN on any chain that answers: asked of the chain itself. */
export async function holdsAdmin(addresses: readonly string[]): Promise<boolean> {
  const engine = await wallet.start();
  const answers = wallet.chains.flatMap(({ chainId, aiforge }) =>
    addresses.map((address) =>
      engine.publicClient(chainId).readContract({
        address: aiforge,
        abi: aiforgeAbi,
        functionName: "hasRole",
        args: [ADMIN, address as Address],
      }),
    ),
  );
  return (await Promise.allSettled(answers)).some((answer) => answer.status === "fulfilled" && answer.value);
}

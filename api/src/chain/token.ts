import { setTimeout as sleep } from "node:timers/promises";
import { aiforgeAbi } from "@aiforge/contracts";
import { isAddressEqual } from "viem";
import { AppError } from "../core/errors.ts";
import type { Deps } from "../deps.ts";
import type { Chain } from "./chains.ts";
import { readChain } from "./read.ts";
import { showAddress } from "./show.ts";

const AGAIN_MS = 10_000;

/**
 * Compares the token that is configured for each chain with the one that its contract was made for: with another one
 * the cashier would turn worthless transfers into purchases. A chain that does not answer now is asked again until it does.
 * @returns once every chain was asked; `later` ends when all have answered, and fails like this function does
 * @throws Error that names the settings, when a chain's token is another one
 */
export async function checkTokens(
  { chains, log }: Pick<Deps, "chains" | "log">,
  { againMs = AGAIN_MS }: { againMs?: number } = {},
): Promise<{ later: Promise<void> }> {
  let away = await unanswered(chains.all);
  const later = (async () => {
    if (away.length === 0) return;
    const names = away.map(({ chain }) => chain);
    log.warn(
      { chains: names },
      "It could not be asked yet whether the configured USDT is the contract's token.",
    );
    while (away.length > 0) {
      await sleep(againMs, undefined, { ref: false });
      away = await unanswered(away);
    }
  })();
  return { later };
}

/** The chains that did not answer. @throws Error when one's token is not the configured one */
async function unanswered(chains: Chain[]): Promise<Chain[]> {
  const answered = await Promise.all(
    chains.map((chain) =>
      check(chain).catch((error: unknown) => {
        if (error instanceof AppError) return false;
        throw error;
      }),
    ),
  );
  return chains.filter((_, i) => !answered[i]);
}

async function check(chain: Chain): Promise<true> {
  const { aiforge, usdt, name } = chain;
  const token = await readChain(chain, () =>
    chain.client.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "token" }),
  );
  if (isAddressEqual(token, usdt)) return true;
  const [configured, its, contract] = [usdt, token, aiforge].map((each) => showAddress(chain.chain, each));
  throw new Error(
    `${name}: ${configured} is configured as USDT, but the contract ${contract} was made for ${its}. Correct the one or the other.`,
  );
}

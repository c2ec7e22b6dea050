import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DEMO_ACCOUNTS, deployLocal, LOCAL_CHAIN_ID } from "@aiforge/contracts";
import { anvilBinary } from "./anvil.ts";
import { BlockClock } from "./block-clock.ts";
import { ChainState } from "./chain-state.ts";
import { Failure } from "./failure.ts";
import { rpc } from "./rpc.ts";
import type { Supervisor } from "./supervisor.ts";

const START_MS = 30_000;

export interface LocalChain {
  rpcUrl: string;
  /** Deploys USDT and the contract when they are not there. */
  deploy: () => Promise<void>;
}

/**
 * Starts the embedded chain from its saved state, or takes the one at `RPC_URL_31337`.
 * @throws Failure
 */
export async function startChain(supervisor: Supervisor): Promise<LocalChain> {
  const { rpcUrl } = supervisor.config;
  if (!rpcUrl) return startAnvil(supervisor);
  await answers(supervisor, rpcUrl);
  return { rpcUrl, deploy: async () => void (await deployLocal({ rpcUrl })) };
}

async function startAnvil(supervisor: Supervisor): Promise<LocalChain> {
  const { dataDir, ports } = supervisor.config;
  const rpcUrl = `http://127.0.0.1:${ports.chain}`;
  const state = new ChainState(join(dataDir, "chain"));
  const saved = await state.unpack();
  await supervisor.start({
    name: "chain",
    label: "The local chain",
    command: anvilBinary(),
    args: [
      "--host",
      "127.0.0.1",
      "--port",
      String(ports.chain),
      "--chain-id",
      String(LOCAL_CHAIN_ID),
      "--hardfork",
      "prague",
      // Anvil funds and unlocks ten by itself.
      "--accounts",
      String(DEMO_ACCOUNTS.length),
      "--no-mining",
      // The states of the last blocks only: by default each is written to the disk, 300 MB for 1,000 blocks. As many
      // as the API looks back: to tell a transaction that is lost from one that waits, it asks 35 blocks ago.
      "--prune-history",
      "64",
      "--quiet",
      ...(saved ? ["--load-state", saved] : []),
    ],
    cwd: dataDir,
    env: process.env,
    foundation: true,
  });
  await answers(supervisor, rpcUrl);
  await state.forgetUnpacked();
  const clock = new BlockClock({
    rpcUrl,
    save: (dump) => state.save(dump),
    onFailure: (error) => supervisor.fail(error),
  });
  clock.start();
  supervisor.beforeFoundationStops(() => clock.stop());
  return { rpcUrl, deploy: () => clock.hurry(async () => void (await deployLocal({ rpcUrl }))) };
}

async function answers(supervisor: Supervisor, rpcUrl: string): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    supervisor.signal.throwIfAborted();
    try {
      const id = Number(await rpc<string>(rpcUrl, "eth_chainId"));
      if (id === LOCAL_CHAIN_ID) return;
      throw new Failure(`RPC_URL_${LOCAL_CHAIN_ID} answers for chain ${id}; it must be a development chain.`);
    } catch (error) {
      if (error instanceof Failure) throw error;
      if (Date.now() > deadline)
        throw new Failure(`The chain at ${rpcUrl} did not answer within ${START_MS / 1000} s.`);
      await sleep(50);
    }
  }
}

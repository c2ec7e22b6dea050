import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { demoAccount, LOCAL_CHAIN_ID } from "@aiforge/contracts";
import type { Hex } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { HEAP_FLAGS } from "../../indexer/tron/heap.ts";
import type { ChildSpec } from "./child.ts";
import { LOCAL_TRON, ROOT } from "./config.ts";
import { Failure } from "./failure.ts";
import type { Secrets } from "./secrets.ts";
import type { Supervisor } from "./supervisor.ts";

/** Generous: a busy machine may take a minute, and a process that ends is noticed at once. */
const READY_MS = 180_000;

/** Starts the services of the house on one database and one chain. */
export class Services {
  #supervisor: Supervisor;
  #env: NodeJS.ProcessEnv;

  constructor(
    supervisor: Supervisor,
    { databaseUrl, rpcUrl }: { databaseUrl: string; rpcUrl: string | null },
  ) {
    this.#supervisor = supervisor;
    this.#env = {
      ...process.env,
      NODE_ENV: "production",
      DATABASE_URL: databaseUrl,
      ...(rpcUrl && { RPC_URL_31337: rpcUrl }),
    };
  }

  /** Ready when everything that is on the chain is mirrored. */
  async startMirror(): Promise<void> {
    const { mirror } = this.#supervisor.config.ports;
    await this.#start({
      name: "mirror",
      label: "The mirror",
      args: [join(ROOT, "indexer/src/main.ts")],
      env: {
        INDEXER_PORT: String(mirror),
        ...cashierAddresses(process.env),
      },
      graceMs: 8_000,
    });
    await this.#ready("The mirror", `http://127.0.0.1:${mirror}/ready`);
  }

  /**
   * Tron's mirror, which is ready when it has caught up; nobody waits for that.
   * @param tron how Tron is reached
   */
  async startTronMirror(tron: NodeJS.ProcessEnv): Promise<void> {
    await this.#start({
      name: "tron-mirror",
      label: "Tron's mirror",
      args: [...HEAP_FLAGS, join(ROOT, "indexer/tron/main.ts")],
      env: { ...tron, TRON_WATCHER_PORT: String(this.#supervisor.config.ports.tronMirror) },
      graceMs: 8_000,
    });
  }

  /**
   * Ready when it answers; it migrates its own tables first.
   * @param tron how Tron is reached
   */
  async startApi(secrets: Secrets, tron: NodeJS.ProcessEnv = {}): Promise<void> {
    const { ports, publicUrl, dataDir, chainIds } = this.#supervisor.config;
    await this.#start({
      name: "api",
      label: "The API",
      args: [join(ROOT, "api/src/main.ts")],
      env: {
        ...tron,
        CHAIN_IDS: chainIds.join(","),
        API_HOST: "127.0.0.1",
        API_PORT: String(ports.api),
        PUBLIC_URL: publicUrl,
        DATA_DIR: dataDir,
        AUTH_SECRET: process.env.AUTH_SECRET || secrets.auth,
        WEIGHTS_SECRET: process.env.WEIGHTS_SECRET || secrets.weights,
        VERIFIED_NODE_WALLETS: process.env.VERIFIED_NODE_WALLETS ?? this.#minerWallet(),
      },
    });
    await this.#ready("The API", `http://127.0.0.1:${ports.api}/api/health`);
  }

  /** @param tron how Tron is reached */
  async startWeb(tron: NodeJS.ProcessEnv = {}): Promise<void> {
    const { ports, host, chainIds } = this.#supervisor.config;
    await this.#start({
      name: "web",
      label: "The page server",
      args: [join(ROOT, "web/server.ts")],
      env: {
        ...tron,
        CHAIN_IDS: chainIds.join(","),
        PORT: String(ports.web),
        HOST: host,
        API_URL: `http://127.0.0.1:${ports.api}`,
      },
    });
    const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
    await this.#ready("The page server", `http://${reachable}:${ports.web}/healthz`);
  }

  /**
   * A node on this machine that serves every model of the local marketplace.
   * @param engine the container engine that it runs jobs with; null: it runs none
   */
  async startMiner(engine: string | null): Promise<void> {
    const { ports, dataDir } = this.#supervisor.config;
    await this.#start({
      name: "miner",
      label: "The miner",
      args: [
        join(ROOT, "miner/bin/aiforge-miner.mjs"),
        "start",
        "--api-url",
        `http://127.0.0.1:${ports.api}`,
        "--data-dir",
        join(dataDir, "miner"),
        "--gpu",
        process.env.AIFORGE_MINER_GPU ?? "off",
        "--json",
      ],
      env: {
        AIFORGE_MINER_KEY: process.env.AIFORGE_MINER_KEY ?? demoAccount("node").privateKey,
        // The settings of this user's own node are not for this one.
        AIFORGE_MINER_CONFIG: "",
        AIFORGE_MINER_JOBS: process.env.AIFORGE_MINER_JOBS ?? (engine ? "on" : "off"),
        ...(engine && { DOCKER_HOST: engine }),
      },
      graceMs: 10_000,
    });
  }

  /**
   * The wallet of the miner that runs here, which may serve protected weights. Everybody knows the local chain's key,
   * so it is trusted only where there are no other than local chains.
   */
  #minerWallet(): string {
    if (!this.#supervisor.config.miner) return "";
    const key = process.env.AIFORGE_MINER_KEY;
    if (key !== undefined) return /^0x[0-9a-fA-F]{64}$/.test(key) ? privateKeyToAddress(key as Hex) : "";
    const local = [String(LOCAL_CHAIN_ID), LOCAL_TRON];
    const onlyLocal = this.#supervisor.config.chainIds.every((id) => local.includes(id));
    return onlyLocal ? demoAccount("node").address : "";
  }

  async #start(spec: Pick<ChildSpec, "name" | "label" | "args" | "env" | "graceMs">): Promise<void> {
    await this.#supervisor.start({
      ...spec,
      command: process.execPath,
      cwd: ROOT,
      env: { ...this.#env, ...spec.env },
    });
  }

  async #ready(label: string, url: string): Promise<void> {
    const deadline = Date.now() + READY_MS;
    for (;;) {
      this.#supervisor.signal.throwIfAborted();
      const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
      await answer?.body?.cancel();
      if (answer?.ok) return;
      if (Date.now() > deadline)
        throw new Failure(
          `${label} was not ready within ${READY_MS / 1000} s; see ${join(this.#supervisor.config.dataDir, "logs")}.`,
        );
      await sleep(50);
    }
  }
}

/**
 * The wallet whose incoming transfers are mirrored, on each chain: the one whose key the API has, so that nobody has
 * to set it twice. Without a key that is the local chain's cashier, whose key everybody knows.
 */
export function cashierAddresses(env: NodeJS.ProcessEnv): Record<string, string> {
  // The API says what is wrong with a key that is none.
  const key = /^0x[0-9a-fA-F]{64}$/.test(env.CASHIER_KEY ?? "") ? (env.CASHIER_KEY as Hex) : null;
  const local = demoAccount("cashier").address;
  const ids = (env.CHAIN_IDS ?? String(LOCAL_CHAIN_ID)).split(",").map((id) => Number(id.trim()));
  return Object.fromEntries(
    ids.flatMap((id) => {
      const name = `AIFORGE_CASHIER_ADDRESS_${id}`;
      const address =
        env[name] || (key ? privateKeyToAddress(key) : id === LOCAL_CHAIN_ID ? local : undefined);
      return address ? [[name, address]] : [];
    }),
  );
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { demoAccount, LOCAL_CHAIN_ID } from "@aiforge/contracts";
import pg from "pg";
import { createPublicClient, type Hex, http, type PublicClient } from "viem";
import { generatePrivateKey } from "viem/accounts";
import { foundry } from "viem/chains";
import { newPlace, type Place, removePlace } from "../journey/stack.ts";
import { startChain } from "../supervisor/chain.ts";
import type { ChildSpec } from "../supervisor/child.ts";
import type { SupervisorConfig } from "../supervisor/config.ts";
import { prepareDataFolder } from "../supervisor/data-folder.ts";
import { startDatabase } from "../supervisor/database.ts";
import { loadSecrets, type Secrets } from "../supervisor/secrets.ts";
import { Services } from "../supervisor/services.ts";
import { startDocker, type TestDocker } from "../testing/docker.ts";
import { freePort } from "../testing/postgres.ts";
import { Part } from "./part.ts";
import { until } from "./until.ts";

/** Jobs that a node takes at a time. */
const CONCURRENCY = 16;

export interface MinerOptions {
  /** Of its wallet; the demo node's by default. */
  key?: Hex;
  /** Within the house's folder. */
  folder?: string;
  /** Where it dials the api. */
  apiUrl?: string;
  /** By how much its clock is wrong, in seconds. */
  clock?: number;
}

/** What `npm start` runs, but for the pages, with each process on its own: one that is killed comes back by itself. */
export class House {
  readonly place: Place;
  readonly docker: TestDocker;
  readonly chain: PublicClient;
  /** What ended and why, for people. */
  readonly ends: string[] = [];
  readonly #config: SupervisorConfig;
  readonly #secrets: Secrets;
  readonly #parts = new Map<string, Part>();
  readonly #pool: pg.Pool;

  private constructor(place: Place, docker: TestDocker, config: SupervisorConfig, secrets: Secrets) {
    this.place = place;
    this.docker = docker;
    this.#config = config;
    this.#secrets = secrets;
    this.chain = createPublicClient({
      chain: foundry,
      transport: http(place.rpcUrl, { retryCount: 0 }),
      cacheTime: 0,
      pollingInterval: 100,
    });
    this.#pool = new pg.Pool({ connectionString: this.databaseUrl, max: 4 });
    this.#pool.on("error", () => {});
    this.#pool.on("connect", (client) => client.on("error", () => {}));
  }

  /** @returns null where there is no container engine; why is printed */
  static async open(): Promise<House | null> {
    const docker = await startDocker();
    if (!docker) return null;
    const place = await newPlace();
    await prepareDataFolder(place.dataDir);
    const config: SupervisorConfig = {
      dataDir: place.dataDir,
      reset: false,
      host: "127.0.0.1",
      publicUrl: place.webUrl,
      ports: place.ports,
      databaseUrl: null,
      rpcUrl: null,
      localChain: true,
      chainIds: [String(LOCAL_CHAIN_ID)],
      tron: false,
      localTron: false,
      tronBlockMs: 2_000,
      seed: false,
      miner: true,
    };
    const house = new House(place, docker, config, await loadSecrets(place.dataDir));
    try {
      await house.#build();
    } catch (error) {
      await house.close();
      throw error;
    }
    return house;
  }

  get databaseUrl(): string {
    const { database } = this.place.ports;
    return `postgres://postgres:${encodeURIComponent(this.#secrets.database)}@127.0.0.1:${database}/aiforge`;
  }

  has(name: string): boolean {
    return this.#parts.has(name);
  }

  part(name: string): Part {
    const part = this.#parts.get(name);
    if (!part) throw new Error(`There is no ${name} in this house`);
    return part;
  }

  /** Rows of a query. Fails while Postgres is away. */
  async rows<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.#pool.query<T>(text, values)).rows;
  }

  /** kill -9; it comes back by itself. */
  async kill(name: string): Promise<void> {
    await this.part(name).kill();
  }

  /** Waits until everything that is to be up is. */
  async allReady(): Promise<void> {
    const waiting = () =>
      [...this.#parts.values()].filter(({ kept, ready }) => kept && !ready).map(({ name }) => name);
    const left = () => `${waiting().join(", ")} (${this.ends.slice(-8).join("; ")})`;
    await until("Every part of the house is up", async () => waiting().length === 0, { left });
  }

  /** Another api on the same database and files. @returns its address */
  async addApi(name: string): Promise<string> {
    const port = await freePort();
    const config = { ...this.#config, ports: { ...this.#config.ports, api: port } };
    this.#add(name, (services) => services.startApi(this.#secrets), { config });
    await this.allReady();
    return `http://127.0.0.1:${port}`;
  }

  /** Another miner, with a wallet and a folder of its own unless told otherwise. */
  addMiner(name: string, options: MinerOptions = {}): Part {
    const { key = generatePrivateKey(), folder = name, apiUrl, clock } = options;
    const skewed =
      clock === undefined ? [] : ["--import", new URL("./skewed-clock.ts", import.meta.url).href];
    const change = (spec: ChildSpec): ChildSpec => {
      const args = [...skewed, ...spec.args];
      args[args.indexOf("--data-dir") + 1] = `${this.place.dataDir}/${folder}`;
      if (apiUrl) args[args.indexOf("--api-url") + 1] = apiUrl;
      return {
        ...spec,
        args,
        env: {
          ...spec.env,
          AIFORGE_MINER_KEY: key,
          AIFORGE_MINER_NAME: "faults",
          ...(clock !== undefined && { FAULTS_CLOCK_SECONDS: String(clock) }),
          AIFORGE_MINER_JOB_CONCURRENCY: String(CONCURRENCY),
        },
      };
    };
    return this.#add(name, (services) => services.startMiner(this.docker.host), { change });
  }

  /** What time it is for a part, by its log. Milliseconds since 1970. */
  async timeOf(name: string): Promise<number> {
    const log = await readFile(join(this.place.dataDir, "logs", `${name}.log`), "utf8");
    const [line = ""] = log
      .split("\n")
      .filter((each) => each.startsWith("{"))
      .slice(-1);
    return new Date((JSON.parse(line) as { time: number | string }).time).getTime();
  }

  /** The part is gone for good. */
  async remove(name: string): Promise<void> {
    await this.part(name).close();
    this.#parts.delete(name);
  }

  /** Waits until a wallet's node may be given jobs. */
  async nodeReady(address: string): Promise<void> {
    await until(`The node of ${address} takes jobs`, async () => {
      const rows = await this.rows(
        `SELECT FROM app.nodes WHERE address = $1 AND connected AND jobs_enabled AND probe_passed_at IS NOT NULL
            AND (probe_failed_at IS NULL OR probe_failed_at < probe_passed_at)`,
        [address.toLowerCase()],
      );
      return rows.length > 0;
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#parts.values()].map((part) => part.close()));
    await this.#pool.end();
    await removePlace(this.place);
    await this.docker.stop();
  }

  async #build(): Promise<void> {
    let deployed = false;
    this.#add("postgres", (_, supervisor) => startDatabase(supervisor, this.#secrets.database));
    this.#add("chain", async (_, supervisor) => {
      const local = await startChain(supervisor);
      if (!deployed) await local.deploy();
      deployed = true;
    });
    await this.allReady();
    this.#add("mirror", (services) => services.startMirror());
    this.#add("api", (services) => services.startApi(this.#secrets));
    await this.allReady();
    const { address, privateKey } = demoAccount("node");
    this.addMiner("miner", { key: privateKey });
    await this.nodeReady(address);
  }

  #add(
    name: string,
    launch: (services: Services, supervisor: ConstructorParameters<typeof Services>[0]) => Promise<unknown>,
    {
      config = this.#config,
      change,
    }: { config?: SupervisorConfig; change?: (spec: ChildSpec) => ChildSpec } = {},
  ): Part {
    const part = new Part({
      name,
      config,
      launch: (supervisor) =>
        launch(
          new Services(supervisor, { databaseUrl: this.databaseUrl, rpcUrl: this.place.rpcUrl }),
          supervisor,
        ),
      change: (spec) =>
        change ? change({ ...spec, name }) : spec.name === "initdb" ? spec : { ...spec, name },
      onEnd: (why) => this.ends.push(why),
    });
    this.#parts.set(name, part);
    part.up();
    return part;
  }
}

/** CAIP-2. */
export const CHAIN = `eip155:${LOCAL_CHAIN_ID}`;

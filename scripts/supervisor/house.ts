import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { seed } from "../demo/seed.ts";
import { compareBytecode } from "./bytecode.ts";
import { startChain } from "./chain.ts";
import { ROOT } from "./config.ts";
import { findContainers } from "./containers.ts";
import { startDatabase } from "./database.ts";
import { showProgress } from "./progress.ts";
import { loadSecrets } from "./secrets.ts";
import { Services } from "./services.ts";
import type { Supervisor } from "./supervisor.ts";
import { startTron, watchTron } from "./tron.ts";
import { buildWeb } from "./web-build.ts";
import { welcome } from "./welcome.ts";

/**
 * Starts every part of the house, each as soon as what it stands on is there, and says where the page is.
 * @throws Failure of the first part that does not start
 */
export async function startHouse(supervisor: Supervisor): Promise<void> {
  const { config } = supervisor;
  const started = Date.now();
  const secrets = await loadSecrets(config.dataDir);

  const database = config.databaseUrl
    ? Promise.resolve(config.databaseUrl)
    : startDatabase(supervisor, secrets.database);
  const chain = config.localChain ? startChain(supervisor) : Promise.resolve(null);
  const deployed = chain.then((local) => local?.deploy());
  const tron = startTron(supervisor);
  const compared = Promise.all([tron.local, chain, deployed]).then(([local, evm]) =>
    // Said once: it takes a look at both chains.
    local?.fresh ? compareBytecode(local.url, local.at, evm?.rpcUrl ?? null) : undefined,
  );
  const pages = buildWeb(supervisor);

  const services = Promise.all([database, chain, deployed]).then(
    ([databaseUrl, local]) => new Services(supervisor, { databaseUrl, rpcUrl: local?.rpcUrl ?? null }),
  );
  const mirror = services.then((house) => house.startMirror());
  const api = Promise.all([services, tron.env]).then(([house, env]) => house.startApi(secrets, env));
  const web = Promise.all([services, tron.env, pages]).then(([house, env]) => house.startWeb(env));
  const containers = config.miner ? findContainers() : Promise.resolve(null);
  const miner = Promise.all([services, containers, api]).then(([house, engine]) =>
    engine ? house.startMiner(engine.host) : undefined,
  );
  const seeded = Promise.all([chain, mirror, api]).then(([local]) =>
    config.seed && local ? seedOnce(supervisor, local.rpcUrl) : undefined,
  );
  const steps = [
    { title: config.databaseUrl ? "Database (yours)" : "Postgres 18", work: database.then(() => {}) },
    ...(config.localChain
      ? [{ title: "Local chain with USDT and the AIForge contract", work: deployed }]
      : []),
    ...(config.localTron ? [{ title: "Local Tron with USDT and the contract", work: compared }] : []),
    { title: "Mirror of the chain", work: mirror },
    { title: "API", work: api },
    { title: "Pages", work: Promise.all([pages, web]).then(([built]) => (built ? "built" : undefined)) },
    ...(config.miner
      ? [
          { title: "Containers for jobs", work: containers.then((engine) => engine?.note) },
          { title: "Miner", work: miner },
        ]
      : []),
    ...(config.seed ? [{ title: "Demo accounts and a first model", work: seeded }] : []),
  ];
  if (config.tron) {
    // Nothing waits for it, and what people wait for comes first.
    Promise.all([services, tron.env, mirror, api])
      .then(([house, env]) => house.startTronMirror(env))
      .then(() => watchTron(supervisor))
      .catch((error) => supervisor.fail(error));
  }
  await showProgress(steps);
  console.log(welcome(config, (Date.now() - started) / 1000));
}

/** Seeds a data folder once: what its users delete later does not come back. */
async function seedOnce(supervisor: Supervisor, rpcUrl: string): Promise<void> {
  const { dataDir, ports } = supervisor.config;
  const done = join(dataDir, "seeded");
  const isDone = await access(done).then(
    () => true,
    () => false,
  );
  if (isDone) return;
  await seed({
    apiUrl: `http://127.0.0.1:${ports.api}`,
    rpcUrl,
    file: join(ROOT, "models/tiny-chat-q8_0.gguf"),
    signal: supervisor.signal,
  });
  await writeFile(done, new Date().toISOString());
}

import { startChain } from "./chain.ts";
import { startDatabase } from "./database.ts";
import { showProgress } from "./progress.ts";
import { loadSecrets } from "./secrets.ts";
import { Services } from "./services.ts";
import type { Supervisor } from "./supervisor.ts";
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
  const pages = buildWeb(supervisor);

  const services = Promise.all([database, chain, deployed]).then(
    ([databaseUrl, local]) => new Services(supervisor, { databaseUrl, rpcUrl: local?.rpcUrl ?? null }),
  );
  const mirror = services.then((house) => house.startMirror());
  const api = services.then((house) => house.startApi(secrets));
  const web = Promise.all([services, pages]).then(([house]) => house.startWeb());
  const miner = Promise.all([services, api]).then(([house]) =>
    config.miner ? house.startMiner() : undefined,
  );
  const steps = [
    { title: config.databaseUrl ? "Database (yours)" : "Postgres 18", work: database.then(() => {}) },
    ...(config.localChain
      ? [{ title: "Local chain with USDT and the AIForge contract", work: deployed }]
      : []),
    { title: "Mirror of the chain", work: mirror },
    { title: "API", work: api },
    { title: "Pages", work: Promise.all([pages, web]).then(([built]) => (built ? "built" : undefined)) },
    ...(config.miner ? [{ title: "Miner", work: miner }] : []),
  ];
  await showProgress(steps);
  console.log(welcome(config, (Date.now() - started) / 1000));
}

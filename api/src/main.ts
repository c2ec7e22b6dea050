import { serve } from "@hono/node-server";
import { createApp } from "./app.ts";
import { startOperator } from "./chain/operator/worker.ts";
import { checkTokens } from "./chain/token.ts";
import { readConfig } from "./config.ts";
import { migrate } from "./db/migrate.ts";
import { createDeps } from "./deps.ts";
import { settlementCall } from "./features/jobs/settlement-calls.ts";
import { sweepSettlements } from "./features/jobs/settlement-sweep.ts";
import { startJobs } from "./features/jobs/worker.ts";
import { startSweeping } from "./features/models/ingest.ts";
import { checkWeightsSecret } from "./features/models/weights.ts";
import { verifyHouseNodes } from "./features/nodes/service.ts";
import { attachNodeSockets } from "./features/nodes/sockets.ts";
import { startDeliveries } from "./features/notifications/worker.ts";
import { startCashier } from "./features/payments/cashier/worker.ts";
import { startPaymentMatching } from "./features/payments/worker.ts";
import { startDistributing } from "./features/revenue/worker.ts";

const KEEP_ALIVE_MS = 75_000;

const config = readConfig();
const deps = createDeps(config);
const { log, db } = deps;
await migrate(db);
await deps.auth.checkSecret();
await checkWeightsSecret(deps);
await verifyHouseNodes(deps);
const { later: tokens } = await checkTokens(deps);
tokens.catch((error: unknown) => {
  log.fatal({ err: error }, "The api stops: it would take the wrong token for USDT.");
  process.exit(1);
});
const app = createApp(deps);
const stopSweeping = startSweeping(deps);
const following = startJobs(deps);
const matching = startPaymentMatching(deps);
const cashier = startCashier(deps);
const delivering = startDeliveries(deps);
const distributing = startDistributing(deps);
const operating = startOperator(deps, { encode: settlementCall, before: sweepSettlements });
const server = serve(
  {
    fetch: app.fetch,
    hostname: config.API_HOST,
    port: config.API_PORT,
    // Longer than the pages ask again (seconds), so that no proxy sends a request into a connection being closed.
    serverOptions: { keepAliveTimeout: KEEP_ALIVE_MS },
  },
  ({ port }) => log.info({ port }, "api is listening"),
);
attachNodeSockets(server, deps);
deps.scheduler.start(deps);
server.on("error", (error) => {
  log.fatal({ err: error }, `The api could not listen on port ${config.API_PORT}.`);
  process.exit(1);
});

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    deps.nodes.stop();
    void deps.scheduler.stop();
    void deps.bus.stop();
    stopSweeping();
    void following.stop();
    void matching.stop();
    void cashier.stop();
    void delivering.stop();
    void distributing.stop();
    void operating.stop();
    server.close(() => void deps.storage.ipfs.stop().finally(() => process.exit(0)));
    // Open streams would hold the server for minutes: they get a moment, then end.
    setTimeout(() => process.exit(0), 3_000).unref();
  });
}

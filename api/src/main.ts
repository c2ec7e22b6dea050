import { serve } from "@hono/node-server";
import { pino } from "pino";
import { createApp } from "./app.ts";
import { openChains } from "./chain/chains.ts";
import { readConfig } from "./config.ts";
import { openDatabase } from "./db/client.ts";
import { migrate } from "./db/migrate.ts";
import type { Deps } from "./deps.ts";
import { createAuth } from "./features/auth/auth.ts";
import { createGateway } from "./features/gateway/gateway.ts";
import { KeyCache } from "./features/keys/cache.ts";
import { startSweeping } from "./features/models/ingest.ts";
import { openStorage } from "./features/models/storage/storage.ts";
import { NodeHub } from "./features/nodes/hub.ts";
import { attachNodeSockets } from "./features/nodes/sockets.ts";
import { startPaymentMatching } from "./features/payments/worker.ts";

const config = readConfig();
const log = pino({ level: config.LOG_LEVEL, redact: ["req.headers.authorization", "req.headers.cookie"] });
const db = openDatabase(config.DATABASE_URL);
await migrate(db);
const deps: Deps = {
  config,
  log,
  db,
  chains: openChains(config),
  auth: createAuth({ config, db }),
  storage: openStorage(config),
  keys: new KeyCache({ db, log }),
  nodes: new NodeHub({ db, log }),
  gateway: createGateway({ config, db }),
};
const app = createApp(deps);
const stopSweeping = startSweeping(deps);
const matching = startPaymentMatching(deps);
const server = serve({ fetch: app.fetch, hostname: config.API_HOST, port: config.API_PORT }, ({ port }) =>
  log.info({ port }, "api is listening"),
);
attachNodeSockets(server, deps);
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
    stopSweeping();
    void matching.stop();
    server.close(() => void deps.storage.ipfs.stop().finally(() => process.exit(0)));
    // Open streams would hold the server for minutes: they get a moment, then end.
    setTimeout(() => process.exit(0), 3_000).unref();
  });
}

import { configFromEnv } from "./server/config.ts";
import { createWebServer } from "./server/createWebServer.ts";
import { stopOnSignals } from "./server/stop.ts";

/**
 * Serves the built pages (`npm run build -w web` first) and, on the same origin, the API and the chains' RPC.
 * Configuration: see {@link configFromEnv}.
 */
const config = configFromEnv(process.env);

// The adapter reads this when its handler is loaded; createWebServer sets the header itself.
process.env.PROTOCOL_HEADER ??= "x-forwarded-proto";
const handlerUrl = new URL("./build/handler.js", import.meta.url).href;
const { handler } = await import(handlerUrl);

const web = createWebServer({ ...config, handler });
stopOnSignals(web);
web.server.once("error", (error: NodeJS.ErrnoException) => {
  const inUse = error.code === "EADDRINUSE";
  console.error(inUse ? `Port ${config.port} is in use; set PORT to another one.` : error.message);
  process.exit(1);
});
web.server.listen(config.port, config.host, () => {
  console.log(`web: http://${config.host}:${config.port}`);
});

import type { WebServer } from "./createWebServer.ts";

/** SIGTERM and SIGINT end the process within a second, even with streams open; a second signal at once. */
export function stopOnSignals(web: WebServer): void {
  let stopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      void web.stop().finally(() => process.exit(0));
    });
  }
}

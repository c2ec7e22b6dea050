import { createServer } from "node:net";
import type { SupervisorConfig } from "./config.ts";
import { Failure } from "./failure.ts";

/**
 * Looks at every port before anything is started.
 * @throws Failure naming the first one that another program holds
 */
export async function requireFreePorts(config: SupervisorConfig): Promise<void> {
  const { ports } = config;
  const wanted: { port: number; what: string; variable: string; hosts: string[] }[] = [
    // A program on [::1] would be the one that a browser finds at http://localhost.
    { port: ports.web, what: "the page", variable: "PORT", hosts: [config.host, "::1"] },
    { port: ports.api, what: "the API", variable: "API_PORT", hosts: ["127.0.0.1"] },
    { port: ports.mirror, what: "the mirror", variable: "MIRROR_PORT", hosts: ["127.0.0.1"] },
  ];
  if (!config.databaseUrl) {
    wanted.push({ port: ports.database, what: "Postgres", variable: "DATABASE_PORT", hosts: ["127.0.0.1"] });
  }
  if (config.localChain && !config.rpcUrl) {
    wanted.push({ port: ports.chain, what: "the local chain", variable: "CHAIN_PORT", hosts: ["127.0.0.1"] });
  }
  if (config.localTron) {
    wanted.push({ port: ports.tron, what: "the local Tron", variable: "TRON_PORT", hosts: ["127.0.0.1"] });
  }
  if (config.tron) {
    const { tronMirror: port } = ports;
    wanted.push({ port, what: "Tron's mirror", variable: "TRON_MIRROR_PORT", hosts: ["127.0.0.1"] });
  }
  for (const [index, { port, variable }] of wanted.entries()) {
    const twin = wanted.slice(0, index).find((other) => other.port === port);
    if (twin)
      throw new Failure(`${twin.variable} and ${variable} are both ${port}; give each a port of its own.`);
  }
  for (const { port, what, variable, hosts } of wanted) {
    for (const host of hosts) {
      const code = await listenError(port, host);
      if (code === "EADDRINUSE") {
        throw new Failure(
          `Port ${port}, wanted for ${what}, is in use by another program; stop it or set ${variable} to a free port.`,
        );
      }
      if (code === "EACCES") {
        throw new Failure(
          `Port ${port}, wanted for ${what}, is not permitted for this user; set ${variable}.`,
        );
      }
    }
  }
}

function listenError(port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "UNKNOWN"));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

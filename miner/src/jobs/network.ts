import { type AddressInfo, createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { describe } from "../errors.ts";
import { type ContainerEngine, within } from "./engine.ts";
import { findImage } from "./images.ts";
import { runOnce } from "./probe.ts";

/** Where clouds tell a machine its secrets. */
const METADATA = "169.254.169.254";

/** Tries to reach what it is told and prints what it could; a refusal means that it got there. */
const TRY = `
  const { connect } = require("net");
  Promise.all(JSON.parse(process.env.TARGETS).map(([host, port]) => new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3000 }, () => resolve(host));
    socket.on("error", ({ code }) => resolve(code === "ECONNREFUSED" || code === "ECONNRESET" ? host : null));
    socket.on("timeout", () => resolve(null));
  }))).then((all) => { console.log("reached " + all.filter(Boolean).join(" ")); process.exit(0); });
`;

/**
 * Looks from inside a container whether one of the engine's networks keeps jobs away from this machine and from the
 * private networks around it. Only such a network is given to jobs that ask for one.
 * @param images to look with: one of them has to have node
 * @returns why the network cannot be offered, or null when it can
 */
export async function networkProblem(
  engine: ContainerEngine,
  network: string,
  images: readonly string[],
  labels: Record<string, string>,
  dir: string,
): Promise<string | null> {
  const listener = await listen();
  try {
    const found = (await within(engine.docker.getNetwork(network).inspect())) as {
      Driver: string;
      IPAM?: { Config?: { Gateway?: string }[] };
    };
    if (found.Driver === "host" || found.Driver === "null")
      return `The network ${network} is the machine's own, or none.`;
    const gateways = (found.IPAM?.Config ?? []).flatMap(({ Gateway }) => (Gateway ? [Gateway] : []));
    const { port } = listener.address() as AddressInfo;
    const own = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter(({ internal }) => !internal)
      .map(({ address }) => address);
    const targets = [
      ...[...gateways, ...own].map((host) => [host, port]),
      [METADATA, 80],
      ...own.flatMap((address) => neighbours(address).map((host) => [host, 80])),
    ];
    for (const ref of images) {
      const image = await findImage(engine, ref);
      if (!image) continue;
      const output = await runOnce(engine, {
        image,
        command: ["node", "-e", TRY],
        env: { TARGETS: JSON.stringify(targets) },
        network,
        labels,
        dir,
      });
      const reached = /^reached(.*)$/m.exec(output ?? "")?.[1]?.trim();
      if (reached === undefined) continue;
      return reached === "" ? null : `A container in the network ${network} reaches ${reached}.`;
    }
    return "None of the images on the list has node, which is needed to look at the network from inside.";
  } catch (error) {
    return `The network ${network} cannot be used: ${describe(error)}.`;
  } finally {
    listener.close();
  }
}

/** The router of a private IPv4 network has its first or its last address nearly always. */
function neighbours(address: string): string[] {
  const match = /^(\d+\.\d+\.\d+)\.\d+$/.exec(address);
  return match ? [`${match[1]}.1`, `${match[1]}.254`].filter((host) => host !== address) : [];
}

async function listen(): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "0.0.0.0", resolve);
  });
  return server;
}

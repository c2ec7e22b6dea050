import { request } from "node:http";

/** Starts containers through an engine's own HTTP interface, with the limits of a job's that cost time. */
export class Containers {
  readonly #where: { socketPath: string } | { host: string; port: number };
  readonly #image: string;

  constructor({ host, image }: { host: string; image: string }) {
    const url = new URL(host);
    this.#where =
      url.protocol === "unix:"
        ? { socketPath: url.pathname }
        : { host: url.hostname, port: Number(url.port || 2375) };
    this.#image = image;
  }

  /** Resolves when the container runs; `end` resolves when it is gone. */
  async start(): Promise<{ end: Promise<void> }> {
    const { Id: id } = (await this.#call("POST", "/containers/create", {
      Image: this.#image,
      Cmd: ["node", "-e", "0"],
      User: "1000:1000",
      HostConfig: {
        NetworkMode: "none",
        ReadonlyRootfs: true,
        Memory: 256 * 1024 ** 2,
        MemorySwap: 256 * 1024 ** 2,
        NanoCpus: 1_000_000_000,
        PidsLimit: 64,
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
      },
    })) as { Id: string };
    await this.#call("POST", `/containers/${id}/start`);
    const end = async () => {
      await this.#call("POST", `/containers/${id}/wait`);
      await this.#call("DELETE", `/containers/${id}?force=1`);
    };
    return { end: end() };
  }

  #call(method: string, path: string, body?: object): Promise<unknown> {
    const text = body ? JSON.stringify(body) : "";
    return new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
      const sent = request({ ...this.#where, method, path, headers }, (answer) => {
        let got = "";
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => {
          got += part;
        });
        answer.on("end", () => {
          if ((answer.statusCode ?? 500) >= 400)
            reject(new Error(`The engine answered ${answer.statusCode}: ${got}`));
          else resolve(got === "" ? null : JSON.parse(got));
        });
      });
      sent.on("error", reject);
      sent.end(text);
    });
  }
}

import { Agent, request as open } from "node:http";

export interface Target {
  name: "direct" | "passthrough" | "gateway";
  url: string;
  headers: Record<string, string>;
  body: (stream: boolean) => string;
}

/** Sends one request and reads its answer to the end. @returns milliseconds it took */
function call(target: Target, stream: boolean, agent: Agent): Promise<number> {
  const body = target.body(stream);
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const request = open(
      target.url,
      {
        method: "POST",
        agent,
        headers: {
          ...target.headers,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
        },
      },
      (answer) => {
        let tail = "";
        answer.on("data", (part: Buffer) => {
          tail = (tail + part.toString()).slice(-400);
        });
        answer.on("error", reject);
        answer.on("end", () => {
          const complete = stream ? tail.includes("[DONE]") : tail.includes("total_tokens");
          if (answer.statusCode === 200 && complete) resolve(performance.now() - started);
          else reject(new Error(`${target.name} answered ${answer.statusCode}: ${tail}`));
        });
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

/** Milliseconds of `count` requests, one after another. */
export async function latencies(target: Target, stream: boolean, count: number): Promise<number[]> {
  const taken: number[] = [];
  const agent = new Agent({ keepAlive: true });
  for (let at = 0; at < count; at++) taken.push(await call(target, stream, agent));
  agent.destroy();
  return taken;
}

/** Requests per second over `ms` milliseconds with `concurrency` callers. */
export async function throughput(
  target: Target,
  stream: boolean,
  { concurrency, ms }: { concurrency: number; ms: number },
): Promise<number> {
  // Connections of its own: a server closes those that were idle since the last measurement.
  const agent = new Agent({ keepAlive: true });
  const started = performance.now();
  let served = 0;
  const caller = async () => {
    while (performance.now() - started < ms) {
      await call(target, stream, agent);
      served++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const rate = served / ((performance.now() - started) / 1000);
  agent.destroy();
  return rate;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

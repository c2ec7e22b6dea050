import { randomUUID } from "node:crypto";
import type { Specification, Work } from "../protocol.ts";

/** A small job for the image `localhost/node:1`. */
export function workOf(image: string, spec: Partial<Specification> = {}, change: Partial<Work> = {}): Work {
  const zero = `0x${"00".repeat(32)}` as const;
  const address = `0x${"11".repeat(20)}` as const;
  return {
    attemptId: randomUUID(),
    jobId: randomUUID(),
    onchainId: zero,
    attempt: 1,
    spec: {
      version: 1,
      image: `localhost/node@${image}`,
      command: ["node", "--version"],
      env: {},
      inputs: [],
      outputLimitMb: 10,
      cpuMillis: 1_000,
      memoryMb: 128,
      gpus: 0,
      diskMb: 64,
      timeLimitSeconds: 30,
      network: false,
      retries: 0,
      engineModelId: null,
      review: false,
      ...spec,
    },
    inputs: [],
    leaseSeconds: 90,
    setupSeconds: 60,
    engineModelId: spec.engineModelId ?? null,
    assignment: { chain: "eip155:31337", jobId: zero, node: address, payee: zero, expiry: 4_000_000_000 },
    assignmentSignature: "0x",
    job: {
      client: address,
      account: zero,
      specification: zero,
      price: "1000000",
      deadline: 4_000_000_000,
      salt: zero,
    },
    ...change,
  };
}

/** A command that runs a JavaScript module. */
export const script = (code: string): string[] => ["node", "--input-type=module", "-e", code];

import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";
import { Failure } from "./failure.ts";
import { requireFreePorts } from "./ports.ts";

describe("the supervisor's configuration", () => {
  it("has a default for everything", () => {
    expect(readConfig([], {})).toMatchObject({
      reset: false,
      publicUrl: "http://localhost:3000",
      ports: { web: 3000, api: 3001, chain: 8545, database: 54329, mirror: 42069 },
      databaseUrl: null,
      rpcUrl: null,
      seed: true,
      miner: true,
    });
  });

  it("has no demo on another chain", () => {
    expect(readConfig([], { CHAIN_IDS: "11155111" })).toMatchObject({
      localChain: false,
      seed: false,
      miner: false,
    });
  });

  it("names what cannot be used", () => {
    for (const port of ["abc", "0", "65536", "80.5"]) {
      expect(() => readConfig([], { PORT: port })).toThrow(
        new Failure(`PORT must be a port between 1 and 65535; it is "${port}".`),
      );
    }
    expect(() => readConfig(["--rest"], {})).toThrow(/^Unknown option '--rest'/);
    expect(readConfig(["--help"], {})).toBe(null);
  });

  it("refuses one port for two parts", async () => {
    const config = readConfig([], { PORT: "4000", API_PORT: "4000" });
    await expect(requireFreePorts(config!)).rejects.toThrow("PORT and API_PORT are both 4000");
  });
});

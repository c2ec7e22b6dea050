import { describe, expect, it } from "vitest";
import { type RawOptions, resolveConfig } from "./config.ts";

const A = "0b6f3c52-7a51-4e8e-9d0c-0d6a1b6e3f11";
const B = "7c1d2e3f-1111-4222-8333-444455556666";
const raw: RawOptions = {
  apiUrl: "http://localhost:3000/",
  name: "here",
  dataDir: "data",
  engine: "embedded",
  gpu: "auto",
  context: "8192",
  concurrency: "4",
  models: "all",
};

describe("resolveConfig", () => {
  it("takes the defaults", () => {
    expect(resolveConfig(raw, {})).toMatchObject({
      apiUrl: "http://localhost:3000",
      models: "all",
      concurrency: 4,
    });
  });

  it.each<[string, Partial<RawOptions>]>([
    ["--api-url", { apiUrl: "localhost:3000" }],
    ["--api-url", { apiUrl: "ftp://x" }],
    ["--concurrency", { concurrency: "0" }],
    ["--concurrency", { concurrency: "2.5" }],
    ["--concurrency", { concurrency: "9e9" }],
    ["--context", { context: "-1" }],
    ["--threads", { threads: "none" }],
    ["--models", { models: "tiny" }],
    ["--models", { models: `${A},` }],
    ["--upstream-url", { engine: "openai" }],
    ["--models", { engine: "openai", upstreamUrl: "http://x/v1" }],
    ["--upstream-model", { engine: "openai", upstreamUrl: "http://x/v1", models: A }],
  ])("names %s when it is wrong", (option, change) => {
    expect(() => resolveConfig({ ...raw, ...change }, {})).toThrow(option);
  });

  it("gives each model its upstream name", () => {
    const config = resolveConfig(
      {
        ...raw,
        engine: "openai",
        upstreamUrl: "http://x/v1/",
        upstreamModel: "small",
        models: `${A}, ${B.toUpperCase()}=org/large`,
      },
      { AIFORGE_UPSTREAM_KEY: "secret" },
    );
    expect(config.upstreamUrl).toBe("http://x/v1");
    expect(config.upstreamKey).toBe("secret");
    expect(config.models).toEqual(
      new Map([
        [A, "small"],
        [B, "org/large"],
      ]),
    );
  });
});

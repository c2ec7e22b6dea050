import { describe, expect, test } from "vitest";
import { buildSchema } from "./build.ts";
import { ConfigError, readChains, readConfig } from "./config.ts";

const ADDRESS = "0x00000000000000000000000000000000000000AA";

describe("the chains", () => {
  test("are the local one when none is named", () => {
    expect(readChains({})).toMatchObject([
      { id: 31337, caip2: "eip155:31337", rpcUrl: "http://127.0.0.1:8545", local: true },
    ]);
  });

  test("are those with an RPC_URL, each with its own contract", () => {
    const chains = readChains({
      RPC_URL_11155111: "https://rpc.example/key",
      AIFORGE_ADDRESS_11155111: ADDRESS,
      AIFORGE_START_BLOCK_11155111: "7000000",
      RPC_URL_31337: "http://127.0.0.1:9545",
    });
    expect(chains).toMatchObject([
      { id: 31337, rpcUrl: "http://127.0.0.1:9545", local: true },
      { id: 11155111, aiforge: ADDRESS, startBlock: 7_000_000, local: false },
    ]);
  });

  test.each([
    [{ DATABASE_URL: "" }, "DATABASE_URL"],
    [{ RPC_URL_1: "https://rpc.example" }, "AIFORGE_ADDRESS_1"],
    [{ RPC_URL_1: "https://rpc.example", AIFORGE_ADDRESS_1: "0x12" }, "AIFORGE_ADDRESS_1"],
    [{ AIFORGE_START_BLOCK_31337: "-1" }, "AIFORGE_START_BLOCK_31337"],
    [{ AIFORGE_CASHIER_ADDRESS_31337: "0x12" }, "AIFORGE_CASHIER_ADDRESS_31337"],
    [
      { RPC_URL_1: "https://rpc.example", AIFORGE_ADDRESS_1: ADDRESS, AIFORGE_CASHIER_ADDRESS_1: ADDRESS },
      "USDT_ADDRESS_1",
    ],
    [{ INDEXER_PORT: "eighty" }, "INDEXER_PORT"],
  ])("name the variable that cannot be used: %j", (env, name) => {
    const read = () => readConfig({ DATABASE_URL: "postgres://localhost/aiforge", ...env });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(name);
  });
});

describe("a build's schema", () => {
  test("is named by what decides the rows, and not by where they are read from", () => {
    const at = (env: Record<string, string>) => buildSchema(readChains(env));
    expect(at({})).toMatch(/^deploy_[0-9a-f]{16}$/);
    expect(at({ RPC_URL_31337: "http://127.0.0.1:9545" })).toBe(at({}));
    expect(at({ AIFORGE_ADDRESS_31337: ADDRESS })).not.toBe(at({}));
    expect(at({ AIFORGE_START_BLOCK_31337: "5" })).not.toBe(at({}));
    const cashier = { AIFORGE_CASHIER_ADDRESS_31337: ADDRESS };
    expect(at(cashier)).not.toBe(at({}));
    expect(at({ ...cashier, USDT_ADDRESS_31337: ADDRESS })).not.toBe(at(cashier));
  });
});

import { demoAccount } from "@aiforge/contracts";
import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";
import { Failure } from "./failure.ts";
import { requireFreePorts } from "./ports.ts";
import { cashierAddresses } from "./services.ts";
import { tronCashier } from "./tron.ts";

describe("the cashier's wallet", () => {
  const { address, privateKey } = demoAccount("spare");

  it("is the one whose key the API has, on every chain", () => {
    expect(cashierAddresses({ CASHIER_KEY: privateKey, CHAIN_IDS: "1, 31337" })).toEqual({
      AIFORGE_CASHIER_ADDRESS_1: address,
      AIFORGE_CASHIER_ADDRESS_31337: address,
    });
  });

  it("is known by itself on the local chain only", () => {
    const local = { AIFORGE_CASHIER_ADDRESS_31337: demoAccount("cashier").address };
    expect(cashierAddresses({})).toEqual(local);
    expect(cashierAddresses({ CHAIN_IDS: "1,31337" })).toEqual(local);
    expect(cashierAddresses({ CASHIER_KEY: "nonsense" })).toEqual(local);
  });

  it("can be named", () => {
    const named = { AIFORGE_CASHIER_ADDRESS_31337: address };
    expect(cashierAddresses(named)).toEqual(named);
  });
});

describe("the cashier's wallet on Tron", () => {
  const { privateKey } = demoAccount("spare");
  const spare = { TRON_CASHIER_ADDRESS: "TQe8oR3LibG2EHCMUe6WgvHXhAVpRLizBz" };

  it("is the one whose key the API has there, or the local one", () => {
    expect(tronCashier({ TRON_CASHIER_KEY: privateKey, CASHIER_KEY: "0x12" })).toEqual(spare);
    expect(tronCashier({ CASHIER_KEY: privateKey })).toEqual(spare);
    expect(tronCashier({})).toEqual({});
    expect(tronCashier({ TRON_CASHIER_ADDRESS: "T", CASHIER_KEY: privateKey })).toEqual({});
    expect(tronCashier({}, demoAccount("spare").address)).toEqual(spare);
  });
});

describe("the supervisor's configuration", () => {
  it("has a default for everything", () => {
    expect(readConfig([], {})).toMatchObject({
      reset: false,
      publicUrl: "http://localhost:3000",
      ports: { web: 3000, api: 3001, chain: 8545, database: 15432, mirror: 14069 },
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

  it("runs a local Tron, unless told not to or given another", () => {
    const local = { chainIds: ["31337", "tron:0x74646576"], tron: true, localTron: true };
    expect(readConfig([], {})).toMatchObject({ ...local, ports: { tron: 9090, tronMirror: 14070 } });
    expect(readConfig([], { CHAIN_IDS: "31337, TRON:0x74646576" })).toMatchObject(local);
    const none = { chainIds: ["31337"], tron: false, localTron: false };
    expect(readConfig([], { CHAIN_IDS: "31337" })).toMatchObject(none);
    expect(readConfig([], { AIFORGE_TRON: "0" })).toMatchObject(none);
    expect(readConfig([], { AIFORGE_TRON: "0", CHAIN_IDS: "31337,tron:0x74646576" })).toMatchObject(none);
    const TRON_URL = "https://nile.trongrid.io";
    expect(readConfig([], { CHAIN_IDS: "31337,tron:0xcd8690dc", TRON_URL })).toMatchObject({
      chainIds: ["31337", "tron:0xcd8690dc"],
      tron: true,
      localTron: false,
    });
    expect(() => readConfig([], { TRON_URL })).toThrow("name it in CHAIN_IDS");
    expect(() => readConfig([], { CHAIN_IDS: "31337,tron:0xcd8690dc" })).toThrow("set TRON_URL");
    expect(() => readConfig([], { CHAIN_IDS: "tron:0x74646576" })).toThrow(
      /needed beside Tron: .* EVM mirror.*never serve it beside real money/,
    );
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

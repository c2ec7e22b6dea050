import { demoAccount } from "@aiforge/contracts";
import { describe, expect, it } from "vitest";
import { readConfig } from "../config.ts";
import { openChains } from "./chains.ts";
import { contractPage, transactionPage } from "./explorer.ts";

const TRON = {
  CHAIN_IDS: "31337, tron:0x74646576",
  TRON_URL: "http://127.0.0.1:9090",
  TRON_AIFORGE_ADDRESS: "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
  TRON_USDT_ADDRESS: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
};
const SECRETS = { AUTH_SECRET: "a".repeat(32), WEIGHTS_SECRET: "b".repeat(32) };
const read = (env: Record<string, string> = {}) => readConfig({ ...SECRETS, ...TRON, ...env });

describe("a Tron chain in the configuration", () => {
  it("is served beside the others, which stay first", () => {
    const chains = openChains(read());
    expect(chains.all.map(({ chain, namespace }) => [chain, namespace])).toEqual([
      ["eip155:31337", "eip155"],
      ["tron:0x74646576", "tron"],
    ]);
    expect(chains.get("tron:0x74646576")).toMatchObject({
      chainId: 0x74646576,
      name: "Local Tron",
      publicRpcUrl: "/tron/1952736630",
      aiforge: "0x5cbdd86a2fa8dc4bddd8a8f69dba48572eec07fb",
      usdt: "0xa614f803b6fd780986a42c78ec9c7f77e6ded13c",
      confirmations: 19,
      explorer: null,
      demo: true,
      cashierKey: demoAccount("cashier").privateKey,
      operatorKey: demoAccount("operator").privateKey,
    });
    expect(() => chains.get("tron:0x2b6653dc")).toThrow("is not served here");
  });

  it("takes plain transfers for what is worth the cashier's gas, which is more than on an EVM chain", () => {
    const leasts = (env?: Record<string, string>) =>
      read(env).chains.map(({ leastTransfer }) => leastTransfer);
    expect(leasts()).toEqual([1_000_000n, 5_000_000n]);
    const chosen = { CASHIER_LEAST_TRANSFER: "0.5", TRON_CASHIER_LEAST_TRANSFER: "12" };
    expect(leasts(chosen)).toEqual([500_000n, 12_000_000n]);
    expect(() => read({ TRON_CASHIER_LEAST_TRANSFER: "some" })).toThrow(
      "TRON_CASHIER_LEAST_TRANSFER: not an amount of USDT",
    );
  });

  it("credits little at once on the local chains only, whose gas costs nothing", () => {
    const main = {
      CHAIN_IDS: "1,tron:0x2b6653dc",
      RPC_URL_1: "http://127.0.0.1:1",
      TRON_CASHIER_LEAST_CREDIT: "2",
    };
    expect(read().chains.map(({ leastCredit }) => leastCredit)).toEqual([0n, 0n]);
    expect(read(main).chains.map(({ leastCredit }) => leastCredit)).toEqual([1_000_000n, 2_000_000n]);
  });

  it("has no keys that everybody knows off the local one, and keeps the node's key to itself", () => {
    const key = `0x${"7".repeat(64)}`;
    const [main] = read({
      CHAIN_IDS: "tron:0x2B6653DC",
      OPERATOR_KEY: key,
      TRON_PRO_API_KEY: "secret",
    }).chains;
    expect(main).toMatchObject({
      chain: "tron:0x2b6653dc",
      chainId: 728126428,
      name: "Tron",
      demo: false,
      cashierKey: null,
      operatorKey: key,
      headers: { "TRON-PRO-API-KEY": "secret" },
    });
    const [nile] = read({
      CHAIN_IDS: "tron:0xcd8690dc",
      OPERATOR_KEY: key,
      TRON_OPERATOR_KEY: `0x${"8".repeat(64)}`,
    }).chains;
    expect(nile?.operatorKey).toBe(`0x${"8".repeat(64)}`);
  });

  it("links to its explorer as that one wants it", () => {
    const { all } = openChains(read({ CHAIN_IDS: "tron:0xcd8690dc" }));
    const chain = all[0]!;
    expect(transactionPage(chain, `0x${"ab".repeat(32)}`)).toBe(
      `https://nile.tronscan.org/#/transaction/${"ab".repeat(32)}`,
    );
    expect(contractPage(chain)).toBe(`https://nile.tronscan.org/#/contract/${TRON.TRON_AIFORGE_ADDRESS}`);
    expect(transactionPage(chain, null)).toBeNull();
  });

  it.each([
    ["TRON_URL is missing", { TRON_URL: "" }],
    ["TRON_URL: not an http:// address", { TRON_URL: "127.0.0.1:9090" }],
    ["TRON_AIFORGE_ADDRESS is missing", { TRON_AIFORGE_ADDRESS: "" }],
    ["TRON_USDT_ADDRESS is not a Tron address", { TRON_USDT_ADDRESS: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u" }],
    ["TRON_CASHIER_KEY: not a private key", { TRON_CASHIER_KEY: "0x12" }],
    ["is no Tron chain", { CHAIN_IDS: "31337,tron:728126428" }],
    ["only one Tron chain", { CHAIN_IDS: "tron:0x74646576,tron:0x2b6653dc" }],
    ["is there twice", { CHAIN_IDS: "31337,31337" }],
  ])("%s", (problem, env) => {
    expect(() => read(env)).toThrow(problem);
  });
});

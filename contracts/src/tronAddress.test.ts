import { expect, test } from "vitest";
import { showTronAddress, TronAddressError, tronAddress } from "./tronAddress.ts";

/** USDT on the main net. */
const BASE58 = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
const TWENTY = "a614f803b6fd780986a42c78ec9c7f77e6ded13c";

test("R21: base58, 41…, 0x… and the bare form of logs are the same address", () => {
  for (const form of [
    BASE58,
    `41${TWENTY}`,
    `0x41${TWENTY}`,
    `41${TWENTY}`.toUpperCase(),
    TWENTY,
    `0x${TWENTY}`,
    "0xa614f803B6FD780986A42c78Ec9c7f77e6DeD13C",
  ]) {
    expect(tronAddress(form), form).toBe(`0x${TWENTY}`);
  }
  expect(showTronAddress(`0x${TWENTY}`)).toBe(BASE58);
  expect(tronAddress(showTronAddress(`0x${"00".repeat(20)}`))).toBe(`0x${"00".repeat(20)}`);
});

test.each([
  ["a base58 digit that is another", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u"],
  ["a base58 letter in the other case", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLJ6t"],
  ["a character that base58 does not have", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj60"],
  ["one that is too short", BASE58.slice(0, 33)],
  ["a Bitcoin address", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"],
  ["mixed-case hex with a wrong checksum", "0xA614f803b6fd780986a42c78ec9c7f77e6ded13c"],
  ["another prefix", `42${TWENTY}`],
  ["nothing", ""],
])("R21: refuses %s", (_what, text) => {
  expect(() => tronAddress(text)).toThrow(TronAddressError);
});

import { expect, it } from "vitest";
import { explorerUrl, isTronAddress, localForm } from "./names.ts";

const address = "0xA614f803B6FD780986A42c78Ec9c7f77e6DeD13C";
const hash = `0x${"ab".repeat(32)}`;

it("writes what belongs to Tron as people there do, and leaves the rest alone", () => {
  expect(localForm(address, "tron:0x2b6653dc")).toBe("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t");
  expect(localForm(hash, "tron:0x2b6653dc")).toBe("ab".repeat(32));
  expect(localForm("bafkreib", "tron:0x2b6653dc")).toBe("bafkreib");
  for (const chain of ["eip155:1", null, undefined]) expect(localForm(address, chain)).toBe(address);
});

it("knows an address of Tron by its checksum", () => {
  expect(isTronAddress("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")).toBe(true);
  for (const text of ["TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u", address, "T", ""])
    expect(isTronAddress(text)).toBe(false);
});

it("finds a transaction in the chain's explorer", () => {
  const tron = { chain: "tron:0x2b6653dc", explorer: "https://tronscan.org" };
  expect(explorerUrl(tron, hash)).toBe(`https://tronscan.org/#/transaction/${"ab".repeat(32)}`);
  const ethereum = { chain: "eip155:1", explorer: "https://etherscan.io" };
  expect(explorerUrl(ethereum, hash)).toBe(`https://etherscan.io/tx/${hash}`);
  expect(explorerUrl({ chain: "eip155:31337", explorer: null }, hash)).toBeNull();
});

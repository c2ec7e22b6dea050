import { mnemonicToAccount, privateKeyToAddress } from "viem/accounts";
import { expect, it } from "vitest";
import { DEMO_ACCOUNTS } from "./demoAccounts.ts";

const MNEMONIC = "test test test test test test test test test test test junk";

it("are the accounts of the development mnemonic", () => {
  for (const [position, { index, address, privateKey }] of DEMO_ACCOUNTS.entries()) {
    expect(index).toBe(position);
    expect(privateKeyToAddress(privateKey)).toBe(address);
    expect(mnemonicToAccount(MNEMONIC, { addressIndex: index }).address).toBe(address);
  }
});

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { demoAccount, parseUsdt, usdtAbi } from "@aiforge/contracts";
import { type Address, createWalletClient, type Hex, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { expect, it } from "vitest";
import { inspect } from "../inspect.ts";
import { customerWallet, FILE, usdt, type World } from "../world.ts";

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

export function waysSteps(world: World): void {
  it("7: a customer buys the weights by a signature, and downloads them", async () => {
    const { customer } = world;
    await customer.visit(world.modelPath);
    expect(await customer.byTestId("price-sale").textContent()).toBe("25.00");
    await customer.byTestId("buy-license").click();
    expect(await customer.byTestId("pay-fee").textContent()).toBe("1.25");
    expect(await customer.byTestId("pay-creators").textContent()).toBe("23.75");
    await customer.byTestId("way-permit2").click();
    await customer.byTestId("pay-button").dblclick();
    expect(await customer.sign("transaction")).toContain("Permit2");
    expect(await customer.sign("payment")).toContain("25.00 USDT");
    await customer.sign("transaction");
    await customer.byTestId("pay-confirmed").waitFor();
    await customer.button("Done").click();
    await customer.byTestId("licensed").waitFor();

    const arriving = customer.page.waitForEvent("download");
    await customer.byTestId("download-weights").click();
    const path = await (await arriving).path();
    expect(sha256(await readFile(path))).toBe(sha256(await readFile(FILE)));
  });

  it("7: pays by a plain transfer from somewhere else; the last digits become credit", async () => {
    const { customer } = world;
    await customer.visit(world.modelPath);
    const until = await customer.byTestId("subscription-active").textContent();
    await customer.byTestId("subscribe").click();
    await customer.byTestId("way-transfer").click();
    const amount = (await customer.byTestId("transfer-amount").textContent()) ?? "";
    const to = (await customer.byTestId("transfer-to").getAttribute("data-value")) as Address;
    const code = customer.byTestId("transfer-way").getByRole("img");
    expect(
      await code.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
    ).toBeGreaterThan(0);
    expect(await inspect(customer.page, "pay-by-transfer")).toEqual([]);

    const before = await world.creditOf(customerWallet.address);
    await transfer(world, to, parseUsdt(amount));
    await customer.byTestId("pay-confirmed").waitFor({ timeout: 60_000 });
    await customer.button("Done").click();
    await expect.poll(() => customer.byTestId("subscription-active").textContent()).not.toBe(until);
    await expect
      .poll(async () => (await world.creditOf(customerWallet.address)) - before, { timeout: 60_000 })
      .toBe(parseUsdt(amount) - 10_000_000n);
  });

  it("7: asks about a payment that is not there, and is answered in words", async () => {
    const { customer } = world;
    await customer.visit("/billing");
    await customer.byTestId("buy-basic").click();
    await customer.byTestId("pay-amount").waitFor();
    await customer.page.keyboard.press("Escape");
    await customer.visit("/billing");
    const quote = customer.page.locator('[data-testid="payment-row"][data-status="quoted"]').first();
    await quote.getByRole("button", { name: "I did pay this" }).click();
    await quote.getByLabel("Why is my payment not here?").fill(`0x${"ab".repeat(32)}`);
    await quote.getByRole("button", { name: "Look it up" }).click();
    expect(await customer.byTestId("payment-answer").textContent()).toMatch(/\w+ \w+ \w+.*\./);
    expect(await inspect(customer.page, "payment-help")).toEqual([]);
  });
}

/** From the faucet's wallet, as from an exchange: nobody has linked it. */
export async function transfer(world: World, to: Address, amount: bigint): Promise<Hex> {
  const wallet = createWalletClient({
    account: privateKeyToAccount(demoAccount("faucet").privateKey),
    chain: foundry,
    transport: http(world.place.rpcUrl),
  });
  return wallet.writeContract({ address: usdt, abi: usdtAbi, functionName: "transfer", args: [to, amount] });
}

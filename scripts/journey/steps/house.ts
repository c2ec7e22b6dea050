import { aiforgeAbi, usdtAbi } from "@aiforge/contracts";
import { createWalletClient, type Hex, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { expect, it } from "vitest";
import { inspect } from "../inspect.ts";
import { Person } from "../people.ts";
import { aiforge, creatorWallet, customerWallet, usdt, type World } from "../world.ts";

/** Credit and groups, and what an admin can do to those who are about to pay. */
export function houseSteps(world: World): void {
  it("12: a customer pays from credit: one signature, and the wallet keeps its USDT", async () => {
    const { customer } = world;
    await putIntoCredit(world, 10_000_000n);
    const [credit, held] = await Promise.all([
      world.creditOf(customerWallet.address),
      world.usdtOf(customerWallet.address),
    ]);
    await customer.visit(world.modelPath);
    const until = await customer.byTestId("subscription-active").textContent();
    await customer.byTestId("subscribe").click();
    await customer.byTestId("way-credit").click();
    await customer.byTestId("pay-button").dblclick();
    const shown = await customer.sign("transaction");
    expect(shown).toContain("Subscribe for 1 month");
    expect(shown).toContain("your credit");
    await customer.byTestId("pay-confirmed").waitFor();
    await customer.button("Done").click();
    await expect.poll(() => customer.byTestId("subscription-active").textContent()).not.toBe(until);
    expect(credit - (await world.creditOf(customerWallet.address))).toBe(10_000_000n);
    expect(await world.usdtOf(customerWallet.address)).toBe(held);
  });

  it("12: a member buys a plan for the whole group, which its owner has too", async () => {
    const member = await Person.arrive(world.browser, world.place.webUrl);
    await member.visit("/sign-in");
    await member.connectWallet("member");
    await member.button("Sign in with this wallet").click();
    await member.sign("message");
    await member.signedIn();
    // A wallet without money gets some of the faucet.
    await member.byTestId("wallet-menu").click();
    await member.byTestId("faucet").click();
    await expect.poll(() => member.byTestId("wallet-balance").textContent()).toBe("1,000.00");
    await member.visit("/billing");
    await member.byTestId("buy-for").selectOption({ label: "All of Fox Den" });
    await member.byTestId("buy-basic").click();
    const dialog = member.byTestId("pay-dialog");
    expect(await dialog.getByRole("heading").first().textContent()).toBe("Basic for 1 month, for Fox Den");
    await member.byTestId("pay-button").dblclick();
    await member.sign("transaction");
    await member.sign("transaction");
    await member.byTestId("pay-confirmed").waitFor();
    await member.button("Done").click();

    const plan = member.byTestId("my-plan");
    await expect.poll(() => plan.textContent()).toMatch(/Basic\s+through Fox Den/);
    expect(await member.byTestId("payments").textContent()).toContain(", for Fox Den");
    // Only an owner cancels it.
    expect(await member.byTestId("cancel-plan").count()).toBe(0);
    const { creator } = world;
    await creator.visit("/billing");
    expect(await creator.byTestId("my-plan").textContent()).toMatch(/Basic\s+through Fox Den/);
    expect(await creator.byTestId("cancel-plan").count()).toBe(1);
    expect(await inspect(member.page, "billing-group", "/billing")).toEqual([]);
    expect(member.complaints).toEqual([]);
    await member.context.close();
  });

  it("12: an admin raises a price while someone pays: nobody pays more than was shown", async () => {
    const { admin, customer } = world;
    const held = await world.usdtOf(customerWallet.address);
    await Promise.all([admin.visit("/admin"), customer.visit("/billing")]);
    await customer.byTestId("buy-basic").click();
    await customer.byTestId("pay-button").click();
    // The wallet asks already when the price changes.
    await customer.byTestId("demo-wallet").waitFor();
    await setPrice(world, "12.00");
    expect(await customer.sign("transaction")).toContain("Allow 10.00 USDT");
    const problem = customer.byTestId("pay-dialog").getByTestId("error");
    await problem.waitFor();
    expect(await problem.textContent()).toContain("The price is 12.00 USDT now");
    expect(await inspect(customer.page, "pay-outdated")).toEqual([]);
    await customer.byTestId("pay-anew").click();
    await expect.poll(() => customer.byTestId("pay-amount").textContent()).toBe("12.00");

    // Changed before anything is signed, nothing has to be.
    await setPrice(world, "10.00");
    await customer.byTestId("pay-button").click();
    await problem.waitFor();
    expect(await problem.textContent()).toContain("changed since this was opened");
    await customer.byTestId("pay-anew").click();
    await expect.poll(() => customer.byTestId("pay-amount").textContent()).toBe("10.00");
    expect(await world.usdtOf(customerWallet.address)).toBe(held);
    expect(admin.complaints).toEqual([]);
  });

  it("12: an admin stops new money: buyers are told, creators withdraw, and it goes on where it was", async () => {
    const { admin, customer, creator } = world;
    await signAsAdmin(world, "Stop new money");
    await localChain(admin).getByText("New money is stopped.").waitFor();
    // The dialog is still open from before.
    await customer.byTestId("pay-button").click();
    const problem = customer.byTestId("pay-dialog").getByTestId("error");
    await problem.waitFor();
    expect(await problem.textContent()).toContain("New payments are paused at the moment.");
    expect(await inspect(customer.page, "pay-paused")).toEqual([]);
    // The browser reports the refusal too.
    expect(customer.expected(409)).toBe(1);

    await creator.visit("/earnings");
    const claim = creator.page.locator('[data-testid="claim"][data-kind="split"]').first();
    const amount = (await claim.getByTestId("claim-amount").textContent()) ?? "";
    const before = await world.usdtOf(creatorWallet.address);
    await claim.getByRole("button", { name: "Withdraw" }).click();
    await creator.byTestId("action-button").dblclick();
    await creator.sign("transaction");
    await creator.byTestId("action-confirmed").waitFor();
    await creator.button("Done").click();
    const got = (await world.usdtOf(creatorWallet.address)) - before;
    expect(got).toBe(BigInt(amount.replace(".", "")) * 10_000n);
    expect(got).toBeGreaterThan(0n);

    await signAsAdmin(world, "Let new money in");
    await customer.button("Try again").click();
    await customer.sign("transaction");
    await customer.byTestId("pay-confirmed").waitFor();
    await customer.button("Done").click();
  });
}

/** What the admin's page shows of the EVM chain, beside that of Tron. */
export const localChain = ({ page }: Person) => page.getByRole("region", { name: "Local chain" });

/** Has an admin, whose page is open, change the price of Basic. @param price in USDT */
async function setPrice({ admin }: World, price: string): Promise<void> {
  const row = localChain(admin).getByRole("listitem").filter({ hasText: "Basic" });
  await row.getByRole("textbox").fill(price);
  await row.getByRole("button", { name: "Change" }).click();
  await confirmAsAdmin(admin);
}

async function signAsAdmin({ admin }: World, button: string): Promise<void> {
  await localChain(admin).getByRole("button", { name: button, exact: true }).click();
  await confirmAsAdmin(admin);
}

export async function confirmAsAdmin(admin: Person): Promise<void> {
  await admin.byTestId("action-button").dblclick();
  await admin.sign("transaction");
  await admin.byTestId("action-confirmed").waitFor();
  await admin.button("Done").click();
}

/** Puts USDT of the customer's wallet into its credit. @param amount in micro-USDT */
async function putIntoCredit(world: World, amount: bigint): Promise<void> {
  const account = privateKeyToAccount(customerWallet.privateKey);
  const wallet = createWalletClient({ account, chain: foundry, transport: http(world.place.rpcUrl) });
  const mined = (hash: Hex) => world.chain.waitForTransactionReceipt({ hash, pollingInterval: 200 });
  const approve = { address: usdt, abi: usdtAbi, functionName: "approve" } as const;
  await mined(await wallet.writeContract({ ...approve, args: [aiforge, amount] }));
  const deposit = { address: aiforge, abi: aiforgeAbi, functionName: "deposit" } as const;
  await mined(await wallet.writeContract({ ...deposit, args: [account.address, amount] }));
}

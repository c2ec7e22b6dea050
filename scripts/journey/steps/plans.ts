import { expect, it } from "vitest";
import { Person } from "../people.ts";
import { customerWallet, NAME, type World } from "../world.ts";

export function planSteps(world: World): void {
  it("4: a customer registers, and uses a model on the Free plan", async () => {
    world.customer = await Person.arrive(world.browser, world.place.webUrl);
    const { customer } = world;
    const { page } = customer;
    await customer.visit("/sign-in?new=1");
    await page.getByLabel("Name").fill("Cora");
    await page.getByLabel("E-mail").fill("cora@example.org");
    await page.getByLabel("Password").fill("a long enough password");
    await customer.button("Create the account").click();
    await customer.signedIn();

    await expect.poll(() => world.nodesServing(), { timeout: 60_000 }).toBeGreaterThan(0);
    await customer.visit("/marketplace");
    await page.getByLabel("Search models").fill("fox");
    await page.getByRole("link", { name: NAME }).click();
    await page.waitForURL(`**${world.modelPath}`);
    await page.getByRole("link", { name: "Try it in the chat." }).click();
    await page.waitForURL("**/chat?model=*");
    expect(await askForFrance(customer)).toContain("The capital of France is Paris.");

    await customer.visit("/billing");
    expect(await customer.byTestId("my-plan").getAttribute("data-plan")).toBe("free");
    expect(await customer.byTestId("my-plan").textContent()).toContain("1 of 20");
  });

  it("4: buys Pro from the wallet, knowing who gets what, and uses the model under it", async () => {
    const { customer } = world;
    await customer.connectWallet("customer");
    await customer.visit("/billing");
    await customer.byTestId("buy-pro").click();
    await customer.byTestId("link-wallet").click();
    await customer.sign("message");

    expect(await customer.byTestId("pay-amount").textContent()).toBe("30.00");
    expect(await customer.byTestId("pay-fee").textContent()).toBe("9.00");
    expect(await customer.byTestId("pay-creators").textContent()).toBe("21.00");
    const recipients = await customer.byTestId("pay-recipients").textContent();
    for (const text of ["9.00", "21.00", "30 %", "70 %"]) expect(recipients).toContain(text);

    const before = await world.usdtOf(customerWallet.address);
    await customer.byTestId("pay-button").dblclick();
    expect(await customer.sign("transaction")).toContain("Allow 30.00 USDT");
    await customer.sign("transaction");
    await customer.byTestId("pay-confirmed").waitFor();
    expect(before - (await world.usdtOf(customerWallet.address))).toBe(30_000_000n);
    await customer.button("Done").click();
    await expect.poll(() => customer.byTestId("my-plan").getAttribute("data-plan")).toBe("pro");

    await customer.visit(`/chat?model=${world.modelId}`);
    expect(await askForFrance(customer)).toContain("The capital of France is Paris.");
    await customer.visit("/billing");
    expect(await customer.byTestId("my-plan").textContent()).toContain("of 10,000");
  });
}

/** @returns the answer, once it is complete */
export async function askForFrance(person: Person): Promise<string> {
  await person.page.getByLabel("Message", { exact: true }).fill("What is the capital of France?");
  await person.button("Send").click();
  const answer = person.byTestId("message-assistant").last();
  await expect.poll(() => answer.getAttribute("data-streaming")).toBe("false");
  return (await answer.textContent()) ?? "";
}

import { expect, it } from "vitest";
import type { Person } from "../people.ts";
import { watch } from "../watch.ts";
import { customerWallet, type World } from "../world.ts";

export function subscriptionSteps(world: World): void {
  it("4: a customer subscribes with one stepper, and gets a key that is shown once", async () => {
    const { customer } = world;
    const { page } = customer;
    await customer.visit(world.modelPath);
    expect(await customer.byTestId("price-month").textContent()).toBe("10.00");
    await customer.byTestId("subscribe").click();

    // Everything is there to be read before anything is signed.
    expect(await customer.byTestId("pay-amount").textContent()).toBe("10.00");
    expect(await customer.byTestId("pay-fee").textContent()).toBe("1.00");
    expect(await customer.byTestId("pay-creators").textContent()).toBe("9.00");
    const recipients = await customer.byTestId("pay-recipients").textContent();
    for (const amount of ["4.50", "2.70", "1.80", "1.00"]) expect(recipients).toContain(amount);

    const before = await world.usdtOf(customerWallet.address);
    const confirmations = watchConfirmations(customer);
    await customer.byTestId("pay-button").dblclick();
    expect(await customer.sign("transaction")).toContain("Allow 10.00 USDT");
    await customer.sign("transaction");
    await customer.byTestId("pay-confirmed").waitFor();
    expect(await confirmations()).toEqual(["1 of 3", "2 of 3", "3 of 3"]);
    expect(before - (await world.usdtOf(customerWallet.address))).toBe(10_000_000n);
    await customer.button("Done").click();
    await customer.byTestId("subscription-active").waitFor();

    await customer.visit("/keys");
    await page.getByLabel("What it is for").fill("journey");
    await customer.button("Create key").dblclick();
    world.secret = (await customer.byTestId("key-secret").textContent()) ?? "";
    expect(world.secret).toMatch(/^aif_[\w-]{43}$/);
    await customer.visit("/keys");
    expect(await customer.byTestId("key-row").count()).toBe(1);
    expect(await page.content()).not.toContain(world.secret);
  });
}

/** Notes what the stepper says about the payment's confirmations. @returns a function that gives the different ones */
function watchConfirmations(customer: Person): () => Promise<string[]> {
  const seen: string[] = [];
  const bar = customer.byTestId("step-pay").getByRole("img");
  const stop = watch(async () => {
    // Not there yet, or gone with its page.
    const text = await bar.getAttribute("aria-label", { timeout: 200 }).catch(() => null);
    const short = text?.replace(" confirmations", "");
    if (short && !short.startsWith("0") && seen.at(-1) !== short) seen.push(short);
  });
  return async () => {
    await stop();
    return seen;
  };
}

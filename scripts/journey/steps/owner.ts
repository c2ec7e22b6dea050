import { expect, it } from "vitest";
import { creatorWallet, LATER_SHARES, type World } from "../world.ts";

export function ownerSteps(world: World): void {
  it("8: the creator extends the listing by 30 days", async () => {
    const { creator } = world;
    await creator.visit(`${world.modelPath}/publish`);
    const listing = creator.byTestId("listing");
    expect(await listing.textContent()).toMatch(/\((29|30) days left\)/);
    await creator.byTestId("extend-listing").click();
    expect(await creator.byTestId("pay-amount").textContent()).toBe("2.00");
    const before = await world.usdtOf(creatorWallet.address);
    await creator.byTestId("pay-button").dblclick();
    await creator.sign("transaction");
    await creator.sign("transaction");
    await creator.byTestId("pay-confirmed").waitFor();
    await creator.button("Done").click();
    await expect.poll(() => listing.textContent()).toMatch(/\((59|60) days left\)/);
    expect(before - (await world.usdtOf(creatorWallet.address))).toBe(2_000_000n);
  });

  it("8: changes the split, which leaves what was earned as it was", async () => {
    const { creator } = world;
    await creator.button("Change the split").click();
    for (const [index, bps] of LATER_SHARES.entries()) {
      await creator.page.getByLabel(`Share of wallet ${index + 1} in percent`).fill(String(bps / 100));
    }
    await creator.button("Save the split").click();
    await creator.byTestId("action-button").dblclick();
    await creator.sign("transaction");
    await creator.byTestId("action-confirmed").waitFor();
    await creator.button("Done").click();

    await creator.page.getByText("History of the split").click();
    const history = creator.byTestId("split-history").locator("> li");
    await expect.poll(() => history.count()).toBe(2);
    expect(await history.first().textContent()).toMatch(/now.*earned\s*0\.00\s*USDT.*60 %.*30 %.*10 %/s);
    // Two months of subscription and a licence: 9.00 + 9.00 + 23.75.
    expect(await history.last().textContent()).toMatch(/earned\s*41\.75\s*USDT.*50 %.*30 %.*20 %/s);
  });

  it("8: sees in the group what the month has brought", async () => {
    const { creator } = world;
    await creator.visit(world.groupPath);
    expect(await creator.byTestId("group-creators").textContent()).toBe("41.75");
    await creator.byTestId("open-statement").click();
    const statement = creator.byTestId("statement");
    await statement.getByText("Weights", { exact: true }).waitFor();
    expect(await statement.textContent()).toMatch(/Subscriptions\s*20\.00\s*USDT\s*Weights\s*25\.00\s*USDT/);
  });
}

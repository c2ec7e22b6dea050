import { aiforgeAbi, demoAccount, monthText, splitId } from "@aiforge/contracts";
import { expect, it } from "vitest";
import { Person } from "../people.ts";
import { aiforge, creatorWallet, laterSplit, type World } from "../world.ts";
import { confirmAsAdmin, localChain } from "./house.ts";

const VETO_SECONDS = 2n * 86_400n;

export function monthEndSteps(world: World): void {
  it("10: the month ends, and its pool is shared by use and posted", async () => {
    const { admin } = world;
    await world.travelToNextMonth();
    await admin.visit("/admin");
    await distribute(world, ": Posted.");
    const root = localChain(admin).getByTestId("admin-roots").getByRole("listitem").first();
    await expect.poll(() => root.getAttribute("data-state"), { timeout: 60_000 }).toBe("waiting");
    expect(await root.textContent()).toContain("21.00");
  });

  it("10: an admin refuses the root, and the month is computed and posted again", async () => {
    const { admin } = world;
    await admin.button(`Refuse the distribution of ${monthText(world.month)}`).click();
    await confirmAsAdmin(admin);
    const roots = localChain(admin).getByTestId("admin-roots").getByRole("listitem");
    await expect.poll(() => roots.first().getAttribute("data-state")).toBe("vetoed");
    await expect
      .poll(() => localChain(admin).getByTestId("distribute").textContent())
      .toBe("Compute it again");
    await distribute(world, ": Posted.");
    await expect.poll(() => roots.count()).toBe(2);
    const states = () => roots.evaluateAll((rows) => rows.map((row) => row.getAttribute("data-state")));
    expect((await states()).toSorted()).toEqual(["vetoed", "waiting"]);
  });

  it("10: a stranger recomputes it: green, red with one byte changed, green again", async () => {
    const stranger = await Person.arrive(world.browser, world.place.webUrl);
    await stranger.visit("/");
    await stranger.page.getByRole("link", { name: "Audit" }).click();
    await stranger.page.waitForURL("**/audit**");
    await stranger.byTestId("audit-month").fill(monthText(world.month));
    await stranger.button("Audit it").click();
    const result = stranger.byTestId("audit-result");
    const verdict = () => result.getAttribute("data-ok");
    await expect.poll(verdict, { timeout: 60_000 }).toBe("true");
    for (const id of ["bytes", "form", "root", "total", "contract", "purchases"]) {
      expect(await stranger.byTestId(`audit-check-${id}`).getAttribute("data-ok")).toBe("true");
    }
    await stranger.byTestId("audit-tamper").click();
    await expect.poll(verdict, { timeout: 60_000 }).toBe("false");
    expect(await stranger.byTestId("audit-check-bytes").getAttribute("data-ok")).toBe("false");
    await stranger.byTestId("audit-restore").click();
    await expect.poll(verdict, { timeout: 60_000 }).toBe("true");
    expect(stranger.complaints).toEqual([]);
  });

  it("10: once it can no longer be refused, the creator claims the share and has it", async () => {
    const { creator } = world;
    await creator.visit("/earnings");
    expect(await creator.byTestId("upcoming").textContent()).toContain("12.60");
    await world.travelTo((await world.chainTime()) + VETO_SECONDS + 60n);
    await distribute(world, ": It pays.");

    const claim = creator.page.locator('[data-testid="claim"][data-kind="pool"]');
    await claim.waitFor();
    expect(await claim.getByTestId("claim-amount").textContent()).toBe("12.60");
    const before = await world.usdtOf(creatorWallet.address);
    await claim.getByRole("button", { name: "Withdraw" }).click();
    await creator.byTestId("action-button").dblclick();
    await creator.sign("transaction");
    await creator.byTestId("action-confirmed").waitFor();
    expect((await world.usdtOf(creatorWallet.address)) - before).toBe(12_600_000n);
    await creator.button("Done").click();
    await claim.waitFor({ state: "detached" });

    await creator.visit("/earnings");
    expect(await creator.byTestId("entries").textContent()).toContain("12.60 USDT");
    const claimed = await world.chain.readContract({
      address: aiforge,
      abi: aiforgeAbi,
      functionName: "claimedOf",
      args: [splitId(laterSplit)],
    });
    expect(claimed).toBe(21_000_000n);
    expect(await world.creditOf(demoAccount("treasury").address)).toBe(0n);
  });
}

/** Has the admin take the month as far as it goes now, until the page says this of it. */
async function distribute(world: World, outcome: string): Promise<void> {
  const chain = localChain(world.admin);
  await chain.getByTestId("distribute-month").fill(monthText(world.month));
  const result = chain.getByTestId("distribute-result").filter({ hasText: outcome });
  // The mirror, and then three confirmations, may be a moment behind the chain.
  await expect
    .poll(
      async () => {
        await chain.getByTestId("distribute").click();
        await result.waitFor({ timeout: 2_000 }).catch(() => {});
        return result.count();
      },
      { timeout: 60_000 },
    )
    .toBe(1);
}

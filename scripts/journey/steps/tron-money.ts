import { getModel } from "@aiforge/api/client";
import { demoAccount, parseUsdt, showTronAddress } from "@aiforge/contracts";
import { expect, it } from "vitest";
import { inspect } from "../inspect.ts";
import { Person } from "../people.ts";
import { FILE, type World } from "../world.ts";
import { askForFrance } from "./plans.ts";

const NETWORK = "Local Tron";
const NAME = "Tron Tales";
const PRICE = 10_000_000n;
/** So many blocks, its own included, until one is solid. */
const SOLID = 19;
const WHOLE_FEE = /^Network fee: about \d+\.\d\d TRX, at most \d+\.\d\d\.$/;
const creatorWallet = demoAccount("creator");

/** On Tron, what is neither a purchase from the wallet nor by transfer: credit, shares, and what admins sign. */
export function tronMoneySteps(world: World): void {
  let admin: Person;
  let creator: Person;
  let modelId: string;

  it("14: pays from credit on Tron: one signature, and the wallet keeps its USDT", async () => {
    const { side, buyer, wallet } = world.tron;
    await side.deposit(wallet.address, PRICE + 2_000_000n);
    await side.mine(SOLID);
    await buyer.visit("/earnings");
    // The last digits of the transfer are credit, too.
    await expect.poll(() => buyer.byTestId("total-drawable").textContent()).toMatch(/^12\.00/);
    await buyer.visit("/billing");
    const until = await buyer.byTestId("my-plan").textContent();
    await buyer.byTestId("buy-basic").click();
    const fee = () => buyer.byTestId("fee-forecast").textContent();
    expect(await fee()).toMatch(/ TRX, at most \d+\.\d\d, for “Approve USDT”\. That of “Pay” comes on top: /);
    expect(await inspect(buyer.page, "pay-fee-tron")).toEqual([]);
    await buyer.byTestId("way-credit").click();
    await expect.poll(fee).toMatch(WHOLE_FEE);
    wallet.asked = [];
    await buyer.byTestId("pay-button").dblclick();
    await expect.poll(() => wallet.asked).toEqual(["sign"]);
    await final(world, buyer, "pay-confirmed");
    await buyer.button("Done").click();
    await expect.poll(() => buyer.byTestId("my-plan").textContent()).not.toBe(until);
    expect(wallet.asked).toEqual(["sign"]);
    expect(await side.usdtOf(wallet.address)).toBe(PRICE);
  });

  it("14: withdraws the rest of the credit to the Tron wallet", async () => {
    const { side, buyer, wallet } = world.tron;
    await buyer.visit("/earnings");
    const claim = buyer.page.locator('[data-testid="claim"][data-kind="credit"]');
    const credit = parseUsdt((await claim.getByTestId("claim-amount").textContent()) ?? "");
    expect(credit).toBeGreaterThanOrEqual(2_000_000n);
    expect(await claim.locator("[data-value]").getAttribute("data-value")).toBe(wallet.base58);
    await claim.getByRole("button", { name: "Withdraw" }).click();
    await expect.poll(() => buyer.byTestId("fee-forecast").textContent()).toMatch(WHOLE_FEE);
    expect(await inspect(buyer.page, "withdraw-tron")).toEqual([]);
    await buyer.byTestId("action-button").dblclick();
    await final(world, buyer, "action-confirmed");
    await buyer.button("Done").click();
    expect(await side.usdtOf(wallet.address)).toBe(PRICE + credit);
    expect(buyer.complaints).toEqual([]);
  });

  it("14: an admin signs with a Tron wallet: new money on Tron alone is stopped, another admin named", async () => {
    admin = await signedIn(world, "deployer");
    await admin.visit("/admin");
    await onTron(admin).getByRole("button", { name: "Stop new money", exact: true }).click();
    expect(await signTron(world, admin)).toContain("Stop new payments");
    await onTron(admin).getByText("New money is stopped.").waitFor();
    expect(await admin.page.getByText("New money is stopped.").count()).toBe(1);
    await onTron(admin).getByRole("button", { name: "Let new money in", exact: true }).click();
    await signTron(world, admin);
    await onTron(admin).getByRole("button", { name: "Stop new money", exact: true }).waitFor();

    const helper = showTronAddress(demoAccount("member").address);
    await admin.byTestId("admin-address").fill(helper);
    await admin.byTestId("admin-add").click();
    expect(await signTron(world, admin)).toContain(helper);
    const held = admin.byTestId("admin-wallets").getByRole("listitem");
    await held.filter({ has: admin.page.locator(`[data-value="${helper}"]`), hasText: NETWORK }).waitFor();
    expect(await inspect(admin.page, "admin-tron", "/admin")).toEqual([]);
    expect(admin.complaints).toEqual([]);
  });

  it("14: a creator publishes on Tron, and the model answers who has a plan there", async () => {
    creator = await signedIn(world, "creator");
    await creator.visit("/models/new");
    await creator.page.getByLabel("Name").fill(NAME);
    await creator.page.getByLabel("Description").fill("Tells short stories.");
    await creator.page.getByLabel("Licence").selectOption("CC0-1.0");
    await creator.button("Create the model").click();
    await creator.page.waitForURL(/\/models\/[0-9a-f-]{36}\/publish/);
    modelId = new URL(creator.page.url()).pathname.split("/")[2] ?? "";
    await creator.byTestId("file-input").setInputFiles(FILE);
    await creator.byTestId("file-facts").waitFor();
    const own = showTronAddress(creatorWallet.address);
    const editor = creator.byTestId("split-editor");
    expect(await editor.getByLabel("Wallet 1", { exact: true }).inputValue()).toBe(own);
    await editor.getByRole("button", { name: "Save the split" }).click();
    const saved = creator.byTestId("split-saved").locator("[data-value]");
    expect(await saved.getAttribute("data-value")).toBe(own);
    await creator.page.getByLabel("Price a month").fill("10");
    await creator.byTestId("publish").click();
    await creator.byTestId("pay-button").dblclick();
    await creator.sign("transaction");
    await final(world, creator, "pay-confirmed");
    await creator.button("Done").click();
    await creator.byTestId("published").waitFor();

    const { buyer } = world.tron;
    const nodes = async () => {
      const { data } = await getModel({ client: world.visitor, path: { id: modelId } });
      return data?.serving.nodes ?? 0;
    };
    await expect.poll(nodes, { timeout: 90_000 }).toBeGreaterThan(0);
    await buyer.visit(`/chat?model=${modelId}`);
    expect(await askForFrance(buyer)).toContain("The capital of France is Paris.");
  });

  it("14: the model is subscribed to, and the creator draws the share with a Tron wallet", async () => {
    const { side, buyer } = world.tron;
    await buyer.visit(`/models/${modelId}`);
    await buyer.byTestId("subscribe").click();
    await buyer.byTestId("pay-button").dblclick();
    await final(world, buyer, "pay-confirmed");
    await buyer.button("Done").click();
    await buyer.byTestId("subscription-active").waitFor();

    await creator.visit("/earnings");
    // The same key is the creator of an earlier step, whose share of another model may wait too.
    const claim = creator.page.locator('[data-testid="claim"][data-kind="split"]').filter({ hasText: NAME });
    await claim.waitFor();
    expect(await claim.getByTestId("claim-amount").textContent()).toBe("9.00");
    const before = await side.usdtOf(creatorWallet.address);
    await claim.getByRole("button", { name: "Withdraw" }).click();
    await signTron(world, creator);
    expect((await side.usdtOf(creatorWallet.address)) - before).toBe(9_000_000n);
    await claim.waitFor({ state: "detached" });
    // Newest first: the other chain's clock was turned a month ahead by earlier steps.
    const all = creator.page.getByRole("button", { name: "Show all" });
    if (await all.isVisible()) await all.click();
    const entries = creator.byTestId("entries").getByRole("listitem");
    const entry = entries.filter({ hasText: NAME }).first();
    expect(await entry.locator("[data-value]").getAttribute("data-value")).toMatch(/^[0-9a-f]{64}$/);
    expect(await inspect(creator.page, "earnings-tron", "/earnings")).toEqual([]);
    expect([...creator.complaints, ...buyer.complaints]).toEqual([]);
  });

  it("14: Tron's month is posted, and anyone recomputes it from the chain: green, red with one byte changed", async () => {
    const { side } = world.tron;
    const month = await side.travelToNextMonth();
    await admin.visit("/admin");
    const chain = onTron(admin);
    await chain.getByTestId("distribute-month").fill(month);
    const posted = chain.getByTestId("distribute-result").filter({ hasText: ": Posted." });
    await expect
      .poll(
        async () => {
          await side.mine(SOLID);
          await chain.getByTestId("distribute").click();
          await posted.waitFor({ timeout: 2_000 }).catch(() => {});
          return posted.count();
        },
        { timeout: 90_000 },
      )
      .toBe(1);
    const root = chain.getByTestId("admin-roots").getByRole("listitem").first();
    await side.mine(SOLID);
    // How many of the plans' months begin in this one depends on the day.
    await expect.poll(() => root.textContent()).toMatch(/[1-9]\d*\.00\s*USDT/);

    const stranger = await Person.arrive(world.browser, world.place.webUrl);
    await stranger.visit("/audit");
    await stranger.byTestId("audit-chain").selectOption({ label: NETWORK });
    await stranger.byTestId("audit-month").fill(month);
    await stranger.button("Audit it").click();
    const verdict = () => stranger.byTestId("audit-result").getAttribute("data-ok");
    await expect.poll(verdict).toBe("true");
    expect(await inspect(stranger.page, "audit-tron")).toEqual([]);
    await stranger.byTestId("audit-tamper").click();
    await expect.poll(verdict).toBe("false");
    await stranger.byTestId("audit-restore").click();
    await expect.poll(verdict).toBe("true");
    expect([...stranger.complaints, ...admin.complaints]).toEqual([]);
  });
}

/** What the admin's page shows of Tron. */
const onTron = ({ page }: Person) => page.getByRole("region", { name: NETWORK });

/** Someone who signs in with the demo wallet of the local Tron. */
async function signedIn(world: World, role: Parameters<typeof demoAccount>[0]): Promise<Person> {
  const person = await Person.arrive(world.browser, world.place.webUrl);
  await person.visit("/sign-in");
  await person.connectWallet(role, "Demo Tron wallet");
  await person.button("Sign in with this wallet").click();
  await person.sign("message");
  await person.signedIn();
  return person;
}

/** Signs what a dialog offers with the demo wallet, once its fee was told. @returns what the wallet showed */
async function signTron(world: World, person: Person): Promise<string> {
  await expect.poll(() => person.byTestId("fee-forecast").textContent()).toMatch(WHOLE_FEE);
  await person.byTestId("action-button").dblclick();
  const shown = await person.sign("transaction");
  expect(shown).toMatch(/Network fee at most\s*\d+\.\d\d TRX/);
  await final(world, person, "action-confirmed");
  await person.button("Done").click();
  return shown;
}

/** Makes blocks until what was sent is in a solid one, and the page says so. */
async function final({ tron }: World, person: Person, testId: string): Promise<void> {
  const there = person.byTestId(testId);
  await expect
    .poll(
      async () => {
        // Not many at once: a transaction expires by the time of the blocks.
        await tron.side.mine(6);
        return there.isVisible();
      },
      { timeout: 90_000, interval: 500 },
    )
    .toBe(true);
}

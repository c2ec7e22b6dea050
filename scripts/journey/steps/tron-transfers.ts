import { demoAccount, formatUsdt, parseUsdt, tronAddress } from "@aiforge/contracts";
import { expect, it } from "vitest";
import { inspect } from "../inspect.ts";
import { Person } from "../people.ts";
import { TronLinkWallet } from "../tronlink-wallet.ts";
import type { World } from "../world.ts";
import { mineUntil } from "./tron.ts";

const PRICE = 10_000_000n;
const LESS = 2_000_000n;
const MORE = 3_000_000n;

/** Tron: a wallet for an account that has one of Ethereum's kind, and transfers of other amounts than the one asked for. */
export function tronTransferSteps(world: World): void {
  let person: Person;
  let wallet: TronLinkWallet;
  let stray: string;

  it("14: links TronLink to an account that signed in with a wallet of Ethereum's kind", async () => {
    person = await Person.arrive(world.browser, world.place.webUrl);
    wallet = new TronLinkWallet(world.tron.side);
    await wallet.install(person.context);
    await person.visit("/sign-in");
    await person.connectWallet("spare");
    await person.button("Sign in with this wallet").click();
    await person.sign("message");
    await person.signedIn();

    await person.visit("/account");
    await person.byTestId("wallet-menu").click();
    await person.page.getByRole("menuitem", { name: "Disconnect wallet" }).click();
    await person.chooseWallet("TronLink");
    await person.byTestId("link-wallet").click();
    const linked = person.page.getByRole("listitem").filter({ hasText: "Unlink" });
    await expect.poll(() => linked.count()).toBe(2);
    expect(wallet.asked).toEqual(["signMessageV2"]);
    const holding = (address: string) =>
      linked.filter({ has: person.page.locator(`[data-value="${address}"]`) });
    expect(await holding(wallet.base58).textContent()).toContain("Tron");
    expect(await holding(demoAccount("spare").address.toLowerCase()).textContent()).toContain(
      "Ethereum networks",
    );
    await person.page.getByText("The connected wallet is linked.").waitFor();
  });

  it("14: sends too little by the QR code, then too much: told of both which part became credit", async () => {
    const { side } = world.tron;
    await person.visit("/billing");
    await person.byTestId("buy-basic").click();
    await person.byTestId("way-transfer").click();
    const way = person.byTestId("transfer-way");
    const asked = parseUsdt((await person.byTestId("transfer-amount").textContent()) ?? "");
    const to = tronAddress((await person.byTestId("transfer-to").getAttribute("data-value")) ?? "");
    expect(await person.byTestId("transfer-unknown").textContent()).toContain("“I did pay this”");

    const received = person.byTestId("transfer-received");
    const says = async (text: string) => ((await received.textContent()) ?? "").includes(text);
    const told = async (text: string) => {
      await mineUntil(side, async () => (await received.isVisible()) && says(text));
      await expect.poll(() => received.textContent()).toContain(text);
    };
    stray = await side.transfer(to, LESS);
    await side.transfer(to, asked - LESS);
    await told("It became credit of your wallet.");
    expect(await received.textContent()).toContain("less than 10.00 USDT");
    expect(await received.textContent()).toContain("This can still be paid");
    expect(await side.creditOf(wallet.address)).toBe(asked - LESS);
    expect(await way.isVisible()).toBe(true);
    expect(await inspect(person.page, "transfer-short-tron")).toEqual([]);

    await side.transfer(to, asked + MORE);
    const over = asked + MORE - PRICE;
    await told(`The ${formatUsdt(over)} USDT over the price became credit of your wallet.`);
    expect(await person.byTestId("pay-confirmed").isVisible()).toBe(true);
    expect(await received.textContent()).toContain(`credit of ${wallet.base58}`);
    expect(await way.count()).toBe(0);
    expect(await side.creditOf(wallet.address)).toBe(asked - LESS + over);
    expect(await inspect(person.page, "transfer-surplus-tron")).toEqual([]);
    await person.button("Done").click();
    await expect.poll(() => person.byTestId("my-plan").getAttribute("data-plan")).toBe("basic");
    const paid = person.byTestId("payment-row").filter({ hasText: "Plan Basic" });
    await expect
      .poll(() => paid.textContent())
      .toContain(`${formatUsdt(over)} USDT more than the price; they are credit of ${wallet.base58}.`);
  });

  it("14: learns by its hash what became of money that nobody is known to have sent", async () => {
    await person.byTestId("buy-basic").click();
    await person.byTestId("way-transfer").waitFor();
    await person.page.keyboard.press("Escape");
    await person.visit("/billing");
    const quote = person.page.locator('[data-testid="payment-row"][data-status="quoted"]').first();
    await quote.getByRole("button", { name: "I did pay this" }).click();
    await quote.getByLabel("Why is my payment not here?").fill(stray);
    await quote.getByRole("button", { name: "Look it up" }).click();
    const answer = person.byTestId("payment-answer");
    await answer.waitFor();
    expect(await answer.textContent()).toContain("It is kept for its owner.");
    expect(await answer.textContent()).toContain("Link the wallet that sent it");
    expect(person.complaints).toEqual([]);
  });
}

import { setTimeout as sleep } from "node:timers/promises";
import { listChains } from "@aiforge/api/client";
import { parseUsdt, tronAddress } from "@aiforge/contracts";
import type { Address } from "viem";
import { expect, it } from "vitest";
import { inspect } from "../inspect.ts";
import { Person } from "../people.ts";
import { TronLinkWallet, TronSide } from "../tronlink-wallet.ts";
import { watch } from "../watch.ts";
import type { World } from "../world.ts";
import { askForFrance } from "./plans.ts";

const NETWORK = "Local Tron";
const PRICE = 10_000_000n;
/** So many blocks, its own included, until one is solid. */
const SOLID = 19;

/** Tron: TronLink, and USDT that comes from somewhere else by the QR code. */
export function tronSteps(world: World): void {
  let side: TronSide;
  let buyer: Person;
  let wallet: TronLinkWallet;

  it("14: someone with TronLink signs in", async () => {
    const { data } = await listChains({ client: world.visitor, throwOnError: true });
    const chain = data.chains.find(({ name }) => name === NETWORK);
    if (!chain) throw new Error(`There is no ${NETWORK}.`);
    const { usdt, aiforge } = chain as typeof chain & Record<"usdt" | "aiforge", Address>;
    side = new TronSide(`http://127.0.0.1:${world.place.ports.tron}`, { usdt, aiforge });
    wallet = new TronLinkWallet(side);
    await side.fund(wallet.address, 1_000);
    await side.transfer(wallet.address, 2n * PRICE);
    await side.mine(1);

    buyer = await Person.arrive(world.browser, world.place.webUrl);
    await wallet.install(buyer.context);
    world.tron = { side, buyer, wallet };
    await buyer.visit("/sign-in");
    await buyer.byTestId("connect-wallet").click();
    expect(await inspect(buyer.page, "choose-wallet")).toEqual([]);
    await buyer.byTestId("wallet-dialog").getByRole("button", { name: "TronLink" }).click();
    await buyer.button("Sign in with this wallet").click();
    await buyer.signedIn();
    expect(wallet.asked).toEqual(["signMessageV2"]);

    // The wallet is known again on the next visit, by the address that its person knows.
    await buyer.visit("/account");
    await buyer.byTestId("wallet-menu").click();
    expect(await buyer.byTestId("wallet-address").textContent()).toBe(wallet.base58);
    await expect.poll(() => buyer.byTestId("wallet-balance").textContent()).toBe("20.00");
    await buyer.page.keyboard.press("Escape");
    const linked = buyer.page.getByRole("listitem").filter({ hasText: "Unlink" });
    expect(await linked.locator("[data-value]").getAttribute("data-value")).toBe(wallet.base58);
    expect(await inspect(buyer.page, "account-tron")).toEqual([]);
  });

  it("14: is told what is wrong before a payment, in words, and nothing is sent", async () => {
    await buyer.visit("/billing");
    await buyer.byTestId("buy-basic").click();
    expect(await buyer.byTestId("pay-amount").textContent()).toBe("10.00");
    expect(await buyer.byTestId("pay-network").textContent()).toBe(NETWORK);
    wallet.asked = [];
    const problem = buyer.byTestId("pay-dialog").getByTestId("error");
    wallet.elsewhere = true;
    await buyer.byTestId("pay-button").click();
    await expect
      .poll(() => problem.textContent())
      .toContain(`The wallet is on another network, not on ${NETWORK}.`);
    expect(wallet.asked).toEqual([]);
    wallet.elsewhere = false;
    wallet.answer.set("sign", "Confirmation declined by user");
    await buyer.button("Try again").click();
    await expect
      .poll(() => problem.textContent())
      .toContain("You declined it in the wallet. Nothing was sent.");
    expect(wallet.asked).toEqual(["sign"]);
    expect(await side.usdtOf(wallet.address)).toBe(2n * PRICE);
  });

  it("14: pays with TronLink, knowing the fee in TRX, and sees the blocks until it is final", async () => {
    wallet.asked = [];
    const said = watchStepper(buyer);
    await buyer.button("Try again").click();
    await expect.poll(() => wallet.asked.length).toBe(1);
    await side.mine(1);
    await expect.poll(() => wallet.asked.length).toBe(2);
    await side.mine(2);
    const bar = buyer.byTestId("step-pay").getByRole("img");
    await bar.waitFor();
    expect(await inspect(buyer.page, "pay-tron")).toEqual([]);
    await side.mine(SOLID);
    await buyer.byTestId("pay-confirmed").waitFor({ timeout: 60_000 });
    const texts = await said();
    for (const step of ["approve", "pay"]) {
      expect(texts.filter((text) => text.startsWith(step)).join("\n")).toMatch(
        /Network fee: about \d+\.\d\d TRX, at most \d+\.\d\d\./,
      );
    }
    expect(texts.some((text) => /^pay: Confirmation \d+ of 19$/.test(text))).toBe(true);
    expect(texts.at(-1)).toBe("pay: Confirmed 19 of 19.");
    expect(await side.usdtOf(wallet.address)).toBe(PRICE);
    await buyer.button("Done").click();
    await expect.poll(() => buyer.byTestId("my-plan").getAttribute("data-plan")).toBe("basic");
    const paid = buyer.page.locator('[data-testid="payment-row"][data-status="confirmed"]');
    await expect.poll(() => paid.count()).toBe(1);
    expect(await paid.locator("[data-value]").first().getAttribute("data-value")).toMatch(/^[0-9a-f]{64}$/);

    await buyer.visit(`/chat?model=${world.modelId}`);
    expect(await askForFrance(buyer)).toContain("The capital of France is Paris.");
  });

  it("14: pays by the QR code, from a wallet that nobody has linked", async () => {
    await buyer.visit("/billing");
    const until = await buyer.byTestId("my-plan").textContent();
    await buyer.byTestId("buy-basic").click();
    await buyer.byTestId("way-transfer").click();
    expect(await buyer.byTestId("transfer-network").textContent()).toBe(NETWORK);
    const amount = (await buyer.byTestId("transfer-amount").textContent()) ?? "";
    const to = (await buyer.byTestId("transfer-to").getAttribute("data-value")) ?? "";
    expect(to).toMatch(/^T[1-9A-HJ-NP-Za-km-z]{33}$/);
    const code = buyer.byTestId("transfer-way").getByRole("img");
    expect(
      await code.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
    ).toBeGreaterThan(0);
    expect(await inspect(buyer.page, "pay-by-transfer-tron")).toEqual([]);

    await side.transfer(tronAddress(to), parseUsdt(amount));
    await side.mine(3);
    const received = buyer.byTestId("transfer-received");
    await expect.poll(() => received.textContent()).toMatch(/Seen: \d+ of 19 confirmations\./);
    expect(await inspect(buyer.page, "transfer-seen-tron")).toEqual([]);
    await side.mine(SOLID);
    await expect.poll(() => received.textContent()).toContain("The platform is making the purchase for you.");
    // The cashier's own transactions come now, each in need of blocks on it.
    const mining = mineUntil(side, () => buyer.byTestId("pay-confirmed").isVisible());
    await buyer.byTestId("pay-confirmed").waitFor({ timeout: 60_000 });
    await mining;
    await buyer.button("Done").click();
    await expect.poll(() => buyer.byTestId("my-plan").textContent()).not.toBe(until);
    expect(await side.usdtOf(wallet.address)).toBe(PRICE);
    expect(buyer.complaints).toEqual([]);
  });
}

/** Makes blocks until something is there, for a minute at most. */
export async function mineUntil(side: TronSide, there: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end && !(await there()); ) {
    // Not many at once: a transaction expires by the time of the blocks.
    await side.mine(6);
    await sleep(1_000);
  }
}

/** Notes what the stepper says of each step. @returns a function that gives the different texts, in order */
function watchStepper(person: Person): () => Promise<string[]> {
  const seen: string[] = [];
  const stop = watch(async () => {
    for (const step of ["approve", "pay"]) {
      const line = person.byTestId(`step-${step}`).locator("p").nth(1);
      // Not there yet, or gone with its page.
      const text = await line.textContent({ timeout: 200 }).catch(() => null);
      const said = `${step}: ${text}`;
      if (text && !seen.includes(said)) seen.push(said);
    }
  });
  return async () => {
    await stop();
    return seen;
  };
}

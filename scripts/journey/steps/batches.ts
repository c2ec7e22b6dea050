import { demoAccount, usdtAbi } from "@aiforge/contracts";
import { type Hex, parseEventLogs } from "viem";
import { expect, it } from "vitest";
import { BatchingWallet, WALLET_NAME } from "../batching-wallet.ts";
import { inspect } from "../inspect.ts";
import { Person } from "../people.ts";
import { aiforge, usdt, type World } from "../world.ts";

const PRICE = 10_000_000n;
export function batchSteps(world: World): void {
  let buyer: Person;
  let wallet: BatchingWallet;
  const balance = () => world.usdtOf(wallet.account.address);

  it("11: someone whose wallet batches signs in", async () => {
    buyer = await Person.arrive(world.browser, world.place.webUrl);
    world.batcher = buyer;
    wallet = await BatchingWallet.make(world, 3n * PRICE);
    await wallet.install(buyer.context);
    await buyer.visit("/sign-in");
    await buyer.chooseWallet(WALLET_NAME);
    await buyer.button("Sign in with this wallet").click();
    await buyer.signedIn();
    expect(wallet.asked).toEqual(["personal_sign"]);
  });

  it("11: approves and pays with one signature, in one transaction", async () => {
    await buyer.visit("/billing");
    await buyer.byTestId("buy-basic").click();
    expect(await buyer.byTestId("pay-amount").textContent()).toBe("10.00");
    wallet.asked = [];
    await buyer.byTestId("pay-button").dblclick();
    await buyer.byTestId("pay-confirmed").waitFor();
    expect(wallet.asked).toEqual(["wallet_sendCalls"]);
    const steps = buyer.byTestId("stepper").getByRole("listitem");
    expect(await steps.count()).toBe(1);
    expect(await steps.textContent()).toContain("Approve USDT, then pay: one signature");
    await buyer.button("Done").click();
    await expect.poll(() => buyer.byTestId("my-plan").getAttribute("data-plan")).toBe("basic");
    expect(await balance()).toBe(2n * PRICE);

    // Both are in the transaction that the history names.
    const paid = buyer.page.locator('[data-testid="payment-row"][data-status="confirmed"]');
    await expect.poll(() => paid.count()).toBe(1);
    const hash = (await paid.locator("[data-value]").first().getAttribute("data-value")) as Hex;
    const { logs, status } = await world.chain.getTransactionReceipt({ hash });
    expect(status).toBe("success");
    expect((await world.chain.getTransaction({ hash })).type).toBe("eip7702");
    const moved = parseEventLogs({ abi: usdtAbi, logs }).map(({ eventName }) => eventName);
    expect(moved.slice(0, 2)).toEqual(["Approval", "Transfer"]);
  });

  it("11: declines it, then the chain refuses it: both are said, and neither leaves anything behind", async () => {
    await buyer.byTestId("buy-basic").click();
    wallet.answer.set("wallet_sendCalls", { code: 4001, message: "User rejected the request." });
    await buyer.byTestId("pay-button").click();
    const problem = buyer.byTestId("pay-dialog").getByTestId("error");
    await problem.waitFor();
    expect(await problem.textContent()).toContain("You declined it in the wallet. Nothing was sent.");

    // Another page of the same wallet spends the money meanwhile.
    const elsewhere = demoAccount("spare").address;
    wallet.beforeBatch = () => wallet.sendAway(elsewhere, PRICE + 1n);
    await buyer.button("Try again").click();
    await expect.poll(() => problem.textContent()).toContain("nothing of it happened");
    wallet.beforeBatch = async () => {};
    expect(await balance()).toBe(PRICE - 1n);
    const allowance = await world.chain.readContract({
      address: usdt,
      abi: usdtAbi,
      functionName: "allowance",
      args: [wallet.account.address, aiforge],
    });
    expect(allowance).toBe(0n);
    expect(await inspect(buyer.page, "pay-batch-refused")).toEqual([]);

    // The dialog notices by itself that there is enough again.
    const again = buyer.button("Try again");
    await expect.poll(() => again.isDisabled()).toBe(true);
    await wallet.receive(1n);
    await expect.poll(() => again.isEnabled()).toBe(true);
    await again.click();
    await buyer.byTestId("pay-confirmed").waitFor();
    expect(await balance()).toBe(0n);
    await buyer.button("Done").click();
  });

  it("11: pays in two transactions where the wallet will not batch after all, or cannot", async () => {
    await wallet.receive(2n * PRICE);
    const pay = async () => {
      await buyer.visit("/billing");
      await buyer.byTestId("buy-basic").click();
      wallet.asked = [];
      await buyer.byTestId("pay-button").click();
      await buyer.byTestId("pay-confirmed").waitFor();
      expect(await buyer.byTestId("stepper").getByRole("listitem").count()).toBe(2);
      return wallet.asked;
    };
    wallet.atomic = "ready";
    wallet.answer.set("wallet_sendCalls", { code: 5750, message: "The upgrade was declined." });
    expect(await pay()).toEqual(["wallet_sendCalls", "eth_sendTransaction", "eth_sendTransaction"]);
    wallet.atomic = "unsupported";
    expect(await pay()).toEqual(["eth_sendTransaction", "eth_sendTransaction"]);
    expect(await balance()).toBe(0n);
    expect(buyer.complaints).toEqual([]);
  });
}

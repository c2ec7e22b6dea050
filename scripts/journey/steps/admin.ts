import { aiforgeAbi, demoAccount } from "@aiforge/contracts";
import { keccak256, stringToHex } from "viem";
import { expect, it } from "vitest";
import { inspect } from "../inspect.ts";
import { Person } from "../people.ts";
import { aiforge, customerWallet, type World } from "../world.ts";
import { transfer } from "./ways.ts";

const helper = demoAccount("member");

export function adminSteps(world: World): void {
  it("9: an admin names another admin wallet, and takes the role back", async () => {
    world.admin = await Person.arrive(world.browser, world.place.webUrl);
    const { admin } = world;
    await admin.visit("/sign-in");
    await admin.connectWallet("deployer");
    await admin.button("Sign in with this wallet").click();
    await admin.sign("message");
    await admin.signedIn();
    await admin.byTestId("account-menu").click();
    await admin.page.getByRole("menuitem", { name: "Admin" }).click();
    await admin.page.waitForURL("**/admin");

    const held = admin
      .byTestId("admin-wallets")
      .getByRole("listitem")
      .filter({ has: admin.page.locator(`[data-value="${helper.address}" i]`) });
    await admin.byTestId("admin-address").fill(helper.address);
    await admin.byTestId("admin-add").click();
    await admin.byTestId("action-button").dblclick();
    await admin.sign("transaction");
    await admin.byTestId("action-confirmed").waitFor();
    await admin.button("Done").click();
    await held.waitFor();
    expect(await isAdmin(world)).toBe(true);

    await held.getByRole("button", { name: "Remove" }).click();
    await admin.byTestId("action-button").dblclick();
    await admin.sign("transaction");
    await admin.byTestId("action-confirmed").waitFor();
    await admin.button("Done").click();
    await held.waitFor({ state: "detached" });
    expect(await isAdmin(world)).toBe(false);
  });

  it("9: an admin gives a transfer that nobody was quoted to its owner", async () => {
    const { admin } = world;
    const before = await world.creditOf(customerWallet.address);
    const hash = await transfer(world, demoAccount("cashier").address, 3_210_000n);
    const row = admin.page.locator(`[data-tx="${hash}"]`);
    await row.getByText("Fits no quote").waitFor();
    await row.getByRole("button", { name: "Give it to its owner" }).click();
    expect(await row.getByTestId("held-assign").isDisabled()).toBe(true);
    await row.getByTestId("held-to").fill(customerWallet.address);
    await row.getByTestId("held-note").fill("Cora sent the receipt of her exchange.");
    expect(await inspect(admin.page, "admin-held")).toEqual([]);
    await row.getByTestId("held-assign").click();
    await admin.byTestId("held-done").waitFor();
    await admin.byTestId("held-assigned").locator(row).getByText("Credit of").waitFor();
    await expect.poll(async () => (await world.creditOf(customerWallet.address)) - before).toBe(3_210_000n);
    expect(await admin.byTestId("held-transfer").count()).toBe(0);
    expect(admin.complaints).toEqual([]);
  });
}

const isAdmin = (world: World): Promise<boolean> =>
  world.chain.readContract({
    address: aiforge,
    abi: aiforgeAbi,
    functionName: "hasRole",
    args: [keccak256(stringToHex("ADMIN")), helper.address],
  });

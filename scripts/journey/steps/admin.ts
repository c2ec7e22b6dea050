import { aiforgeAbi, demoAccount } from "@aiforge/contracts";
import { keccak256, stringToHex } from "viem";
import { expect, it } from "vitest";
import { Person } from "../people.ts";
import { aiforge, type World } from "../world.ts";

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
}

const isAdmin = (world: World): Promise<boolean> =>
  world.chain.readContract({
    address: aiforge,
    abi: aiforgeAbi,
    functionName: "hasRole",
    args: [keccak256(stringToHex("ADMIN")), helper.address],
  });

import { demoAccount } from "@aiforge/contracts";
import { getAddress } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectNothingHeld } from "./books.ts";
import { clockCases } from "./cases/clocks.ts";
import { lostCases } from "./cases/lost.ts";
import { twinCases } from "./cases/twins.ts";
import { twoApiCases } from "./cases/two-apis.ts";
import { walkCases } from "./cases/walk.ts";
import { PRICE } from "./customer.ts";
import { House } from "./house.ts";
import { World } from "./world.ts";

const house = await House.open();

describe.skipIf(house === null)("faults in the middle of jobs", () => {
  const world = new World(house as House);

  beforeAll(async () => {
    world.wallets.add(getAddress(demoAccount("node").address));
    await world.open();
  });
  afterAll(() => world.close());

  const nothingHeld = () =>
    it("nothing is held, and the contract has what it owes", async () => {
      const owed = [...world.wallets, demoAccount("treasury").address, world.customer.account.address];
      await expectNothingHeld(world.house, [...world.orders.keys()], owed);
      const paid = [...world.orders.values()].filter((end) => end === "paid").length;
      expect(await world.customer.wealth()).toBe(world.wealth - BigInt(paid) * PRICE);
    });

  walkCases(world, nothingHeld);
  // The leases of the lost node lapse while the others are at it.
  lostCases(world, () => {
    clockCases(world);
    return twinCases(world);
  });
  twoApiCases(world);
  nothingHeld();
});

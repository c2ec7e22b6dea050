import { generatePrivateKey } from "viem/accounts";
import { describe, expect, it } from "vitest";
import { containersOf } from "../books.ts";
import type { Order } from "../customer.ts";
import { until } from "../until.ts";
import type { World } from "../world.ts";

/**
 * One node, started twice.
 * @returns what is to be tested when leases have had the time to lapse
 */
export function twinCases(world: World): () => void {
  const { house } = world;
  const key = generatePrivateKey();
  let taken: Order | undefined;

  describe("the same node twice", () => {
    it("a second process on the same folder ends with a sentence, and the first goes on", async () => {
      const { wallet } = await world.node("twin", { key });
      const order = await world.begin({ holds: true, retries: 5 }, "paid");
      await world.running(order);
      const second = house.addMiner("double", { key, folder: "twin" });
      expect(await second.last()).toMatch(/give this one a --data-dir and a wallet of its own/);
      await house.remove("double");
      expect(await world.ended(order)).toBe(wallet.toLowerCase());
      expect(await world.attempts(order)).toHaveLength(1);
    });

    it("a second process with the same key takes its place: the first ends, and its container with it", async () => {
      const order = await world.begin({ holds: true, retries: 5 }, "paid");
      await world.running(order);
      const first = house.part("twin").last();
      await world.node("twin-2", { key });
      expect(await first).toMatch(/took this one's place/);
      await house.remove("twin");
      await until("Its container is gone", async () => (await containersOf(house, order.id)).length === 0);
      taken = order;
    });
  });

  return () =>
    it("the job of the node that was replaced is done again and paid once", async () => {
      if (!taken) throw new Error("It was not replaced");
      await world.ended(taken);
      expect((await world.attempts(taken)).length).toBeGreaterThan(1);
      await house.remove("twin-2");
    });
}

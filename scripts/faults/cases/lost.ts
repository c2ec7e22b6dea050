import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { demoAccount } from "@aiforge/contracts";
import { beforeAll, describe, expect, it } from "vitest";
import type { Order } from "../customer.ts";
import { until } from "../until.ts";
import type { World } from "../world.ts";

const CAUGHT = [
  { name: "when it took the work", gate: "attempts offered>accepted" },
  { name: "when its container began", gate: "jobs assigned>running" },
  { name: "while its container ran", gate: null },
  { name: "before it brought the outputs", gate: "attempts running>uploading" },
];
const { address } = demoAccount("node");

/**
 * A node that is killed and stays away: what it was at goes to another when its lease lapses, and nothing of what it
 * says when it comes back counts.
 * @param meanwhile what is tested while the leases lapse, by nodes that may take the jobs over; gives what is tested then
 */
export function lostCases(world: World, meanwhile: () => () => void): void {
  const { gates, house } = world;

  describe("a node that does not come back", () => {
    const orders = new Map<string, Order>();

    beforeAll(async () => {
      await house.allReady();
      await house.nodeReady(address);
      await Promise.all(
        CAUGHT.map(async ({ name, gate }) =>
          orders.set(name, await world.begin({ holds: gate === null, retries: 5 }, "paid", gate)),
        ),
      );
      await Promise.all(
        CAUGHT.map(({ name, gate }) => {
          const order = orders.get(name) as Order;
          return gate ? gates.reached(order.id, gate) : world.running(order);
        }),
      );
      await house.part("miner").kill({ down: true });
      await gates.open();
    });

    const later = meanwhile();

    it.for(CAUGHT)("killed $name: another node does the job and is paid once", async ({ name }) => {
      if (!house.has("successor")) await world.node("successor");
      const order = orders.get(name) as Order;
      const doer = await world.ended(order);
      expect(doer).not.toBe(address.toLowerCase());
      expect((await world.attempts(order))[0]).toMatchObject({
        state: "lost",
        address: address.toLowerCase(),
      });
    });

    later();

    it("back again, its late results are refused and change nothing", async () => {
      const before = await Promise.all([...orders.values()].map((order) => world.attempts(order)));
      house.part("miner").up();
      await house.nodeReady(address);
      // What it had on its disk it has told by then, or given up.
      const folder = join(house.place.dataDir, "miner");
      await until("The old node has nothing in hand", async () => {
        return (await readdir(join(folder, "jobs"))).length === 0;
      });
      const [file = ""] = await readdir(join(folder, "tokens"));
      const token = (await readFile(join(folder, "tokens", file), "utf8")).trim();
      for (const [first] of before) {
        const response = await fetch(`${house.place.apiUrl}/api/nodes/attempts/${first?.id}/finish`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify(GOOD_END),
        });
        expect([
          response.status,
          ((await response.json()) as { error: { code: string } }).error.code,
        ]).toEqual([409, "attempt_over"]);
      }
      expect(await Promise.all([...orders.values()].map((order) => world.attempts(order)))).toEqual(before);
      for (const order of orders.values()) await world.ended(order);
      await house.remove("successor");
    });
  });
}

/** What a node says of a container that ended well and put out nothing. */
export const GOOD_END = {
  exitCode: 0,
  outOfMemory: false,
  timedOut: false,
  containerSeconds: 1,
  files: [],
  failure: null,
};

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Balancer } from "../balancer.ts";
import type { World } from "../world.ts";
import { GOOD_END } from "./lost.ts";

/** Two instances of the api on one database: the node is at the first, the customer at the second. */
export function twoApiCases(world: World): void {
  const { gates, house } = world;
  const NODE = "balanced";

  describe("two instances of the api", () => {
    let second = "";
    let balancer: Balancer;
    let wallet = "";

    beforeAll(async () => {
      await house.part("miner").kill({ down: true });
      second = await house.addApi("api-2");
      balancer = await Balancer.open([house.place.apiUrl, second]);
      wallet = (await world.node(NODE, { apiUrl: balancer.url })).wallet;
    });
    afterAll(() => balancer?.close());

    it("a job ordered at one is done by a node at the other", async () => {
      const order = await world.begin({ retries: 0 }, "paid", null, second);
      expect(await world.ended(order)).toBe(wallet.toLowerCase());
      expect(balancer.taken.has(second)).toBe(false);
    });

    it("an end told twice at once, to both, and once more later: taken once, paid once", async () => {
      const gate = "attempts uploading>finished";
      const order = await world.begin({ retries: 0 }, "paid", gate, second);
      await gates.reached(order.id, gate);
      const [attempt] = await world.attempts(order);
      const tokens = join(house.place.dataDir, NODE, "tokens");
      const token = (await readFile(join(tokens, (await readdir(tokens))[0] ?? ""), "utf8")).trim();
      const tell = async (apiUrl: string) => {
        const response = await fetch(`${apiUrl}/api/nodes/attempts/${attempt?.id}/finish`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify(GOOD_END),
        });
        return [response.status, ((await response.json()) as { state: string }).state];
      };
      const told = [tell(house.place.apiUrl), tell(second), tell(second)];
      await gates.open();
      expect(await Promise.all(told)).toEqual([
        [200, "finished"],
        [200, "finished"],
        [200, "finished"],
      ]);
      expect(await world.ended(order)).toBe(wallet.toLowerCase());
      expect(await tell(house.place.apiUrl)).toEqual([200, "finished"]);
      expect(await world.ended(order)).toBe(wallet.toLowerCase());
      expect(await world.attempts(order)).toHaveLength(1);
    });

    it("one is killed while a job runs: the node goes to the other and keeps the job", async () => {
      const order = await world.begin({ holds: true, retries: 0 }, "paid", null, second);
      await world.running(order);
      await house.part("api").kill({ down: true });
      expect(await world.ended(order)).toBe(wallet.toLowerCase());
      expect(await world.attempts(order)).toHaveLength(1);
      expect(balancer.taken.get(second)).toBeGreaterThan(0);
      const next = await world.begin({ retries: 0 }, "paid", null, second);
      expect(await world.ended(next)).toBe(wallet.toLowerCase());
      house.part("api").up();
      await house.allReady();
    });
  });
}

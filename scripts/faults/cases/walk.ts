import { demoAccount } from "@aiforge/contracts";
import { beforeAll, describe, it } from "vitest";
import { killContainers } from "../books.ts";
import type { Order } from "../customer.ts";
import { until } from "../until.ts";
import type { World } from "../world.ts";
import { CONTAINER_WAVES, type Step, WAVES } from "./steps.ts";

const VICTIMS = [
  { victim: "miner", waves: WAVES },
  { victim: "container", waves: CONTAINER_WAVES },
  { victim: "api", waves: WAVES },
  { victim: "postgres", waves: WAVES },
  { victim: "chain", waves: WAVES },
];
/** One of them, to look at it alone; "none" leaves the walk out. */
const only = process.env.FAULTS_VICTIM;

/** kill -9 of each process in the middle of each transition of a job. */
export function walkCases(world: World, nothingHeld: () => void): void {
  const { gates, house } = world;
  const victims = VICTIMS.filter(({ victim }) => !only || only === victim);

  describe.for(victims)("kill -9 of the $victim", ({ victim, waves }) => {
    const caught = new Map<Step, Order>();

    // Nobody waits between two kills: what the last one left is in the middle of its way when the next one comes.
    beforeAll(async () => {
      for (const stages of waves) {
        await house.allReady();
        await house.nodeReady(demoAccount("node").address);
        try {
          await strike(victim, stages, caught);
        } finally {
          await gates.open();
        }
      }
    });

    it.for(waves.flat(2))("$name: $end once", async (step) => {
      const order = caught.get(step);
      if (!order) throw new Error("It was not caught there");
      await world.ended(order);
    });

    nothingHeld();
  });

  /** Brings a job to each place, one stage after the other, and kills. */
  async function strike(victim: string, stages: readonly Step[][], caught: Map<Step, Order>): Promise<void> {
    for (const stage of stages) {
      await Promise.all(
        stage.map(async (step) => caught.set(step, await world.begin(step.order, step.end, step.gate))),
      );
      await Promise.all(stage.map((step) => arrival(step, caught.get(step) as Order)));
    }
    if (victim !== "container") return house.kill(victim);
    for (const { id } of caught.values()) await killContainers(house, id);
  }

  /** Waits until a job is where somebody is to be killed. */
  async function arrival({ caught, gate }: Step, order: Order): Promise<void> {
    if (caught === "gate") return gates.reached(order.id, gate ?? "");
    if (caught === "running") return world.running(order);
    const wanted = caught === "sent" ? "sent" : "pending";
    await until(`The money of job ${order.id} is ${caught}`, async () => {
      const rows = await house.rows(
        "SELECT FROM app.operator_transactions WHERE key LIKE '%:' || $1 AND state = $2",
        [order.id, wanted],
      );
      return rows.length > 0;
    });
  }
}

import { demoAccount } from "@aiforge/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containersOf, expectEnd, expectNothingHeld } from "./books.ts";
import { Customer, type Order, PRICE } from "./customer.ts";
import { Gates } from "./gates.ts";
import { House } from "./house.ts";
import { type Step, WAVES } from "./steps.ts";
import { until } from "./until.ts";

const VICTIMS = [
  { victim: "miner", waves: WAVES },
  { victim: "api", waves: WAVES },
];
const only = process.env.FAULTS_VICTIM;

const house = await House.open();
let customer: Customer;
let gates: Gates;
let wealth = 0n;
const orders = new Map<Order, Step>();

describe.skipIf(house === null)("kill -9 in the middle of a job's transitions", () => {
  const at = house as House;

  beforeAll(async () => {
    gates = new Gates(at);
    await gates.install();
    customer = await Customer.signIn(at);
    wealth = await customer.wealth();
  });
  afterAll(async () => {
    await gates?.open();
    await at.close();
  });

  describe.for(VICTIMS.filter(({ victim }) => !only || only === victim))("$victim", ({ victim, waves }) => {
    const caught = new Map<Step, Order>();

    // Nobody waits between two kills: what the last one left is in the middle of its way when the next one comes.
    beforeAll(async () => {
      for (const stages of waves) {
        await at.allReady();
        await at.nodeReady(demoAccount("node").address);
        for (const stage of stages) {
          await Promise.all(stage.map(async (step) => caught.set(step, await begin(step))));
          await Promise.all(stage.map((step) => arrival(step, caught.get(step) as Order)));
        }
        await at.kill(victim);
        await gates.open();
      }
    });

    it.for(waves.flat(2))("$name: $end once", async (step) => {
      const order = caught.get(step);
      if (!order) throw new Error("It was not caught there");
      await expectEnd(at, customer, order, step.end);
    });

    it("nothing is held, and the contract has what it owes", async () => {
      const { address } = demoAccount("node");
      const treasury = demoAccount("treasury").address;
      const all = [...orders.keys()];
      await expectNothingHeld(at, all, [address, treasury, customer.account.address]);
      const paid = [...orders.values()].filter(({ end }) => end === "paid").length;
      expect(await customer.wealth()).toBe(wealth - BigInt(paid) * PRICE);
    });
  });

  /** Orders a job whose way ends at a gate, and pays for it. */
  async function begin(step: Step): Promise<Order> {
    const order = await customer.order(step.order);
    orders.set(order, step);
    if (step.gate) await gates.shut(order.id, step.gate);
    await customer.fund(order);
    return order;
  }

  /** Waits until a job is where somebody is to be killed. */
  async function arrival(step: Step, { id }: Order): Promise<void> {
    if (step.caught === "gate") await gates.reached(id, step.gate ?? "");
    else
      await until(`Job ${id} is ${step.caught}`, async () => {
        const [row] = await at.rows<{ state: string; call: string | null }>(
          `SELECT state, (SELECT call.state FROM app.operator_transactions call
                           WHERE call.key LIKE '%:' || job.id) AS call FROM app.jobs job WHERE id = $1`,
          [id],
        );
        if (step.caught === "sent") return row?.call === "sent";
        if (step.caught === "due") return row?.call === "pending";
        return row?.state === "running" && (await containersOf(at, id)).length === 1;
      });
  }
});

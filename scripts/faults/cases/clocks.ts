import { describe, expect, it } from "vitest";
import type { World } from "../world.ts";

const MINUTES = 10;

interface Times {
  inOrder: boolean;
  seconds: number;
  passed: number;
  beat: boolean;
}

/** A node whose clock is wrong: times are the database's. */
export function clockCases(world: World): void {
  const { house } = world;

  describe("a node's clock", () => {
    it.for([
      { name: "behind", clock: -MINUTES * 60 },
      { name: "ahead", clock: MINUTES * 60 },
    ])(
      `${MINUTES} minutes $name: the job is paid once, and no time of the node's is believed`,
      async ({ name, clock }) => {
        const part = `clock-${name}`;
        const { wallet } = await world.node(part, { clock });
        const order = await world.begin({ retries: 5 }, "paid");
        expect(await world.ended(order)).toBe(wallet.toLowerCase());
        const [times] = await house.rows<Times>(
          `SELECT assigned_at <= accepted_at AND accepted_at <= started_at AND started_at <= uploading_at
                AND uploading_at <= ended_at AND ended_at <= now() AS "inOrder",
                attempt.container_seconds AS seconds,
                extract(epoch FROM ended_at - assigned_at)::float8 AS passed,
                node.last_heartbeat_at BETWEEN attempt.assigned_at - interval '1 minute' AND now() AS beat
           FROM app.job_attempts attempt JOIN app.nodes node ON node.id = attempt.node_id
          WHERE job_id = $1 AND attempt.state = 'finished'`,
          [order.id],
        );
        expect(times).toMatchObject({ inOrder: true, beat: true });
        expect(times?.seconds).toBeLessThanOrEqual(times?.passed ?? 0);
        // It really had another time.
        expect(Math.abs(Date.now() + clock * 1_000 - (await house.timeOf(part)))).toBeLessThan(300_000);
        await house.remove(part);
      },
    );
  });
}

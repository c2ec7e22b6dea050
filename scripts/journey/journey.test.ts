import { afterAll, afterEach, beforeAll, beforeEach, describe } from "vitest";
import { photograph } from "./inspect.ts";
import { adminSteps } from "./steps/admin.ts";
import { batchSteps } from "./steps/batches.ts";
import { chatSteps } from "./steps/chat.ts";
import { delistingSteps } from "./steps/delisting.ts";
import { disputeSteps, refundSteps } from "./steps/disputes.ts";
import { earningsSteps } from "./steps/earnings.ts";
import { houseSteps } from "./steps/house.ts";
import { jobSteps } from "./steps/jobs.ts";
import { lookSteps } from "./steps/looks.ts";
import { monthEndSteps } from "./steps/month-end.ts";
import { nodeSteps } from "./steps/nodes.ts";
import { ownerSteps } from "./steps/owner.ts";
import { planSteps } from "./steps/plans.ts";
import { publishingSteps } from "./steps/publishing.ts";
import { subscriptionSteps } from "./steps/subscription.ts";
import { tronSteps } from "./steps/tron.ts";
import { tronMoneySteps } from "./steps/tron-money.ts";
import { tronTransferSteps } from "./steps/tron-transfers.ts";
import { waysSteps } from "./steps/ways.ts";
import { World } from "./world.ts";

const world = new World();
beforeAll(() => world.open());
afterAll(() => world.close());

// Later steps stand on earlier ones: after a failure they would only wait for what does not come.
let broken = false;
beforeEach(() => {
  if (broken) throw new Error("An earlier step failed.");
});
afterEach(async ({ task }) => {
  if (broken || task.result?.state !== "fail") return;
  broken = true;
  await photograph(world.browser);
});

describe("the journey", () => {
  publishingSteps(world);
  planSteps(world);
  subscriptionSteps(world);
  chatSteps(world);
  earningsSteps(world);
  jobSteps(world);
  waysSteps(world);
  tronSteps(world);
  ownerSteps(world);
  adminSteps(world);
  tronTransferSteps(world);
  disputeSteps(world);
  nodeSteps(world);
  monthEndSteps(world);
  refundSteps(world);
  batchSteps(world);
  houseSteps(world);
  lookSteps(world);
  delistingSteps(world);
  tronMoneySteps(world);
});

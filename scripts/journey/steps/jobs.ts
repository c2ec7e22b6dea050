import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { customerWallet, NAME, type World } from "../world.ts";

const PROMPTS = [
  { id: "france", prompt: "What is the capital of France?" },
  { id: "ping", prompt: "ping" },
];
/** A container starts in a second; on a busy machine the chain's three confirmations take longer. */
const DONE_MS = 120_000;

export function jobSteps(world: World): void {
  it("10: the customer has a file of prompts answered in a container, and the node is paid for it", async () => {
    const { customer } = world;
    // Said when the journey began: this machine has no container engine.
    if (!world.docker) return;
    await customer.visit("/jobs/new");
    await customer.byTestId("template-batch-inference").click();
    await customer.page.waitForURL("**/jobs/new?template=batch-inference");
    const file = PROMPTS.map((line) => JSON.stringify(line)).join("\n");
    await customer
      .byTestId("slot-prompts")
      .locator("input[type=file]")
      .setInputFiles({ name: "prompts.jsonl", mimeType: "application/jsonl", buffer: Buffer.from(file) });
    const engine = customer.byTestId("job-engine");
    const choice = engine.locator("option", { hasText: NAME });
    await engine.selectOption((await choice.getAttribute("value")) ?? "");
    await expect.poll(() => customer.byTestId("estimate-nodes").textContent()).toBe("1");

    await customer.byTestId("order-job").click();
    const before = await world.usdtOf(customerWallet.address);
    await customer.byTestId("pay-button").click();
    await customer.sign("transaction");
    await customer.sign("transaction");
    await customer.byTestId("pay-confirmed").waitFor();
    const price = before - (await world.usdtOf(customerWallet.address));
    expect(price).toBeGreaterThan(0n);
    await customer.button("Done").click();
    world.jobPath = new URL(customer.page.url()).pathname;

    const state = customer.byTestId("job-state");
    await expect.poll(() => state.getAttribute("data-state"), { timeout: DONE_MS }).toBe("completed");
    const outputs = customer.byTestId("job-outputs");
    const [download] = await Promise.all([
      customer.page.waitForEvent("download"),
      outputs.getByLabel("Download answers.jsonl").click(),
    ]);
    const answers = (await readFile(await download.path(), "utf8")).trim().split("\n");
    expect(answers.map((line) => JSON.parse(line))).toMatchObject([
      { id: "france", answer: expect.stringContaining("The capital of France is Paris.") },
      { id: "ping", answer: expect.any(String) },
    ]);
    expect(await customer.byTestId("job-log").textContent()).toContain("2");
    // The escrow is empty, 5 % of it the platform's and the rest the node's.
    await expect
      .poll(() => customer.byTestId("money-status").textContent(), { timeout: DONE_MS })
      .toMatch(/paid/i);
    expect(customer.complaints).toEqual([]);
  }, 300_000);
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../../supervisor/config.ts";
import { customerWallet, FILE, NAME, type World } from "../world.ts";

const DATA = join(ROOT, "miner/templates/fine-tune/demo/bakery.jsonl");

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

  it("11: fine-tunes a model for a few steps, sees what it learned, and makes a draft of the result", async () => {
    const { customer } = world;
    if (!world.docker) return;
    await customer.visit("/jobs/new?template=fine-tune");
    await customer.byTestId("slot-model").locator("input[type=file]").setInputFiles(FILE);
    await customer.byTestId("slot-data").locator("input[type=file]").setInputFiles(DATA);
    await customer.byTestId("parameter-steps").fill("3");
    await expect.poll(() => customer.byTestId("estimate-nodes").textContent()).toBe("1");
    await customer.byTestId("order-job").click();
    await customer.byTestId("pay-button").click();
    await customer.sign("transaction");
    await customer.sign("transaction");
    await customer.byTestId("pay-confirmed").waitFor();
    await customer.button("Done").click();
    const state = customer.byTestId("job-state");
    await expect.poll(() => state.getAttribute("data-state"), { timeout: DONE_MS }).toBe("completed");
    await customer.byTestId("job-metrics").first().waitFor();

    await customer.byTestId("publish-open").click();
    const dialog = customer.byTestId("publish-result");
    await dialog.getByLabel("Name of the model").fill("Taught Tales");
    await customer.byTestId("publish-draft").click();
    await customer.page.waitForURL("**/models/*/publish");
    await customer.page.getByText("Taught Tales").first().waitFor();
    expect(customer.complaints).toEqual([]);
  }, 300_000);
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ModelVersion } from "@aiforge/api/client";
import { expect, it } from "vitest";
import { ROOT } from "../../supervisor/config.ts";
import type { Person } from "../people.ts";
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
    await fineTune(customer);
    await customer.byTestId("publish-open").click();
    const dialog = customer.byTestId("publish-result");
    await dialog.getByLabel("Name of the model").fill("Taught Tales");
    await customer.byTestId("publish-draft").click();
    await customer.page.waitForURL("**/models/*/publish");
    await customer.page.getByText("Taught Tales").first().waitFor();
    expect(customer.complaints).toEqual([]);
  }, 300_000);

  it("11: a creator makes the result a new version of a published model, whose old one goes on being served", async () => {
    const { creator } = world;
    if (!world.docker) return;
    await fineTune(creator);
    await creator.byTestId("publish-version").click();
    await creator.byTestId("publish-result").getByLabel("What is new in it").fill("Knows the bakery.");
    await creator.byTestId("publish-draft").click();
    await creator.page.waitForURL("**/models/*/publish");
    await creator.page.getByText("Knows the bakery.").waitFor({ timeout: DONE_MS });
    await creator.page.getByText("Version 2").waitFor();
    await creator.page.getByRole("heading", { name: NAME }).waitFor();
    const id = new URL(creator.page.url()).pathname.split("/")[2];
    const versions = () =>
      creator.page.evaluate(async (path) => {
        const { versions } = (await (await fetch(path)).json()) as { versions: ModelVersion[] };
        return versions.map(({ number, state, served }) => `${number} ${state}${served ? ", served" : ""}`);
      }, `/api/models/${id}/versions`);
    await expect.poll(versions, { timeout: DONE_MS }).toEqual(["2 ready", "1 ready, served"]);
    expect(creator.complaints).toEqual([]);
  }, 300_000);
}

/** Orders a short fine-tune by the template's form, pays for it, and waits for its end. */
async function fineTune(person: Person): Promise<void> {
  await person.visit("/jobs/new?template=fine-tune");
  await person.byTestId("slot-model").locator("input[type=file]").setInputFiles(FILE);
  await person.byTestId("slot-data").locator("input[type=file]").setInputFiles(DATA);
  await person.byTestId("parameter-steps").fill("3");
  await expect.poll(() => person.byTestId("estimate-nodes").textContent()).toBe("1");
  await person.byTestId("order-job").click();
  await person.byTestId("pay-button").click();
  await person.sign("transaction");
  await person.sign("transaction");
  await person.byTestId("pay-confirmed").waitFor();
  await person.button("Done").click();
  const state = person.byTestId("job-state");
  await expect.poll(() => state.getAttribute("data-state"), { timeout: DONE_MS }).toBe("completed");
  await person.byTestId("job-metrics").first().waitFor();
}

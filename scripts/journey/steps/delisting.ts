import { getModel } from "@aiforge/api/client";
import OpenAI from "openai";
import { expect, it } from "vitest";
import { inspect } from "../inspect.ts";
import { Person } from "../people.ts";
import type { World } from "../world.ts";
import { askForFrance } from "./plans.ts";

/** Goes months ahead, so it comes last. */
export function delistingSteps(world: World): void {
  it("13: a model whose listing lapsed is in no list, and serves who paid to the end of it", async () => {
    const { customer } = world;
    const { data } = await getModel({ client: world.visitor, path: { id: world.modelId } });
    const lapses = BigInt(Date.parse(data?.onchain?.listedUntil ?? "") / 1000);
    await world.travelTo(lapses + 60n);

    const visitor = await Person.arrive(world.browser, world.place.webUrl);
    await visitor.visit("/marketplace?q=fox");
    await visitor.page.getByText("No model matches “fox”").waitFor();
    await visitor.visit(world.modelPath);
    await visitor.page.getByText("This model is no longer listed.").waitFor();
    expect(await visitor.byTestId("subscribe").count()).toBe(0);
    expect(await visitor.byTestId("buy-license").count()).toBe(0);
    expect(await inspect(visitor.page, "delisted", world.modelPath)).toEqual([]);

    // Someone who paid for a plan, but not for this model.
    const stranger = await secretOf(world.batcher);
    expect(await isOffered(world, stranger)).toBe(false);
    expect(await isOffered(world, world.secret)).toBe(true);
    await customer.visit(world.modelPath);
    await customer.byTestId("subscription-active").waitFor();
    expect(await inspect(customer.page, "delisted-subscribed", world.modelPath)).toEqual([]);
    await customer.page.getByRole("link", { name: "Chat with it" }).click();
    await customer.page.waitForURL("**/chat?model=*");
    expect(await askForFrance(customer)).toContain("The capital of France is Paris.");
    expect([...visitor.complaints, ...customer.complaints]).toEqual([]);
  });

  it("13: after that it serves nobody but its group, and the page says so", async () => {
    const { customer } = world;
    await world.travelTo((await world.chainTime()) + 120n * 86_400n);
    await expect.poll(() => isOffered(world, world.secret)).toBe(false);
    await customer.visit(world.modelPath);
    await customer.page.getByText("This model is no longer listed.").waitFor();
    expect(await customer.byTestId("subscription-active").count()).toBe(0);
    // Whom the API let call it a moment ago it lets for a few seconds more.
    await expect.poll(() => refusal(world, world.secret), { timeout: 60_000 }).toBe("404 model_not_listed");
  });
}

const sdk = (world: World, apiKey: string) =>
  new OpenAI({ baseURL: `${world.place.webUrl}/api/v1`, apiKey, maxRetries: 0 });

/** Whether the model is among those that someone with this key may call. */
async function isOffered(world: World, secret: string): Promise<boolean> {
  const { data } = await sdk(world, secret).models.list();
  return data.some(({ id }) => id === world.modelId || id === "fox-tales");
}

/** Asks the model something. @returns the status and the code with which that is refused, or null */
async function refusal(world: World, secret: string): Promise<string | null> {
  const messages = [{ role: "user" as const, content: "What is the capital of France?" }];
  try {
    await sdk(world, secret).chat.completions.create({ model: world.modelId, messages });
    return null;
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    return `${error.status} ${error.code}`;
  }
}

async function secretOf(person: Person): Promise<string> {
  await person.visit("/keys");
  await person.page.getByLabel("What it is for").fill("journey");
  await person.button("Create key").click();
  return (await person.byTestId("key-secret").textContent()) ?? "";
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import OpenAI from "openai";
import { expect, it } from "vitest";
import type { World } from "../world.ts";

export function chatSteps(world: World): void {
  it("5: chats in the page: streamed, stopped, saved", async () => {
    const { customer } = world;
    const { page } = world.customer;
    await customer.visit(`/chat?model=${world.modelId}`);
    const ask = async (text: string) => {
      await page.getByLabel("Message", { exact: true }).fill(text);
      await customer.button("Send").click();
      await customer.byTestId("message-user").getByText(text).waitFor();
    };
    const answer = () => customer.byTestId("message-assistant").last();
    await ask("What is the capital of France?");
    await expect.poll(() => answer().getAttribute("data-streaming")).toBe("false");
    expect(await answer().textContent()).toContain("The capital of France is Paris.");
    await page.waitForURL(/\/chat\/[0-9a-f-]{36}/);
    world.conversationPath = new URL(page.url()).pathname;

    // The miner is paused, so that the answer is surely still on its way when Stop is clicked.
    const { pid } = JSON.parse(await readFile(join(world.place.dataDir, "run/miner.json"), "utf8"));
    process.kill(pid, "SIGSTOP");
    try {
      await ask("Tell me a story about a fox and a lantern.");
      await customer.button("Stop").click();
      await expect.poll(() => answer().getAttribute("data-finish")).toBe("stopped");
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await ask("What is the capital of Germany?");
    // After half a story the tiny model may take one country for another; that it answers to the end is the point.
    await expect.poll(() => answer().getAttribute("data-finish"), { timeout: 60_000 }).toBe("stop");
    const last = (await answer().textContent()) ?? "";
    expect(last).toContain("The capital of");

    await customer.visit(world.conversationPath);
    await customer.byTestId("message-user").first().waitFor();
    expect(await customer.byTestId("message-user").count()).toBe(3);
    expect(await customer.byTestId("message-assistant").first().textContent()).toContain(
      "The capital of France is Paris.",
    );
    expect(await answer().textContent()).toBe(last);
  });

  it("5: calls it with the official SDK, streamed and not", async () => {
    const openai = new OpenAI({
      baseURL: `${world.place.webUrl}/api/v1`,
      apiKey: world.secret,
      maxRetries: 0,
    });
    const models = await openai.models.list();
    const model =
      models.data.map(({ id }) => id).find((id) => id === world.modelId || id === "fox-tales") ?? "";
    expect(model).not.toBe("");
    const messages = [{ role: "user" as const, content: "What is the capital of Japan?" }];

    const whole = await openai.chat.completions.create({ model, messages, temperature: 0 });
    expect(whole.choices[0]?.message.content).toBe("The capital of Japan is Tokyo.");
    expect(whole.choices[0]?.finish_reason).toBe("stop");
    expect(whole.usage?.prompt_tokens).toBeGreaterThan(0);
    expect(whole.usage?.total_tokens).toBe(whole.usage!.prompt_tokens + whole.usage!.completion_tokens);

    const stream = await openai.chat.completions.create({
      model,
      messages,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let deltas = 0;
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      const delta = chunk.choices[0]?.delta.content ?? "";
      text += delta;
      if (delta) deltas++;
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe("The capital of Japan is Tokyo.");
    expect(deltas).toBeGreaterThan(1);
    expect(usage).toEqual(whole.usage);

    await expect(
      new OpenAI({
        baseURL: `${world.place.webUrl}/api/v1`,
        apiKey: "aif_wrong",
        maxRetries: 0,
      }).models.list(),
    ).rejects.toMatchObject({ status: 401 });
  });
}

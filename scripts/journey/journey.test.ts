import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createClient,
  createConfig,
  getModel,
  searchMarketplace,
  walletAuthMessage,
  walletLogin,
} from "@aiforge/api/client";
import {
  aiforgeAbi,
  DEMO_ACCOUNTS,
  demoAccount,
  deployments,
  LOCAL_CHAIN_ID,
  type Split,
  splitId,
  usdtAbi,
} from "@aiforge/contracts";
import OpenAI from "openai";
import { type Browser, chromium } from "playwright-core";
import { type Address, createPublicClient, type Hex, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { unixfsCid } from "../../api/src/testing/unixfs.ts";
import { ROOT } from "../supervisor/config.ts";
import { CHROMIUM_FLAGS, findBrowser } from "./browser.ts";
import { inspect } from "./inspect.ts";
import { Person } from "./people.ts";
import { newPlace, type Place, removePlace, Stack } from "./stack.ts";

const FILE = join(ROOT, "models/tiny-chat-q8_0.gguf");
const NAME = "Fox Tales";
const { aiforge, usdt } = deployments[LOCAL_CHAIN_ID]!;
const creatorWallet = demoAccount("creator");
const customerWallet = demoAccount("customer");
const members = DEMO_ACCOUNTS.filter(({ index }) => index >= 3 && index <= 5);
const SHARES = [5_000, 3_000, 2_000];
const split: Split = { members: members.map(({ address }) => address), bps: SHARES };

let place: Place;
let stack: Stack;
let browser: Browser;
let creator: Person;
let customer: Person;
let modelPath = "";
let modelId = "";
let groupPath = "";
let conversationPath = "";
let secret = "";

const chain = () => createPublicClient({ chain: foundry, transport: http(place.rpcUrl) });
const usdtOf = (address: Address) =>
  chain().readContract({ address: usdt, abi: usdtAbi, functionName: "balanceOf", args: [address] });
const visitorClient = () => createClient(createConfig({ baseUrl: place.apiUrl }));
const creditOf = (address: Address) =>
  chain().readContract({ address: aiforge, abi: aiforgeAbi, functionName: "creditOf", args: [address] });

beforeAll(async () => {
  const found = await findBrowser(() => {});
  if (found.path === null) throw new Error(found.reason);
  place = await newPlace();
  stack = await new Stack(place).ready();
  browser = await chromium.launch({ executablePath: found.path, args: CHROMIUM_FLAGS });
});
afterAll(async () => {
  await browser?.close();
  await removePlace(place, stack);
});

/** A member of the group to be: has signed in once, so that there is an account to add. */
async function signInByApi(account: (typeof members)[number]): Promise<void> {
  const client = visitorClient();
  const wallet = privateKeyToAccount(account.privateKey);
  const { data } = await walletAuthMessage({
    client,
    query: { address: wallet.address, chainId: LOCAL_CHAIN_ID },
  });
  const message = data?.message ?? "";
  const login = await walletLogin({
    client,
    body: { message, signature: await wallet.signMessage({ message }) },
  });
  expect(login.data?.created).toBe(true);
}

// Later steps stand on earlier ones: after a failure they would only wait for what does not come.
let broken = false;
beforeEach(() => {
  if (broken) throw new Error("An earlier step failed.");
});
afterEach(({ task }) => {
  broken ||= task.result?.state === "fail";
});

describe("the journey", () => {
  it("1: a creator connects a wallet and signs in", async () => {
    creator = await Person.arrive(browser, place.webUrl);
    await creator.visit("/sign-in");
    await creator.connectWallet("creator");
    await creator.button("Sign in with this wallet").click();
    const message = await creator.sign("message");
    expect(message).toContain(creatorWallet.address);
    expect(message).toContain(`localhost:${place.ports.web}`);
    expect(message).toMatch(/Nonce: \w{8,}/);
    await creator.byTestId("account-menu").waitFor();
    const cookies = await creator.context.cookies();
    expect(cookies.some(({ httpOnly }) => httpOnly)).toBe(true);
  });

  it("2: makes a group, and uploads a model with its CID and what its header says", async () => {
    for (const member of members.slice(1)) await signInByApi(member);
    await creator.visit("/groups");
    await creator.page.getByLabel("Name of the new group").fill("Fox Den");
    await creator.button("Create group").click();
    await creator.page.waitForURL(/\/groups\/[0-9a-f-]{36}/);
    groupPath = new URL(creator.page.url()).pathname;
    for (const { address } of members.slice(1)) {
      await creator.page.getByLabel("Add someone by wallet or e-mail").fill(address);
      await creator.button("Add").click();
      await expect
        .poll(() => creator.page.getByLabel("Add someone by wallet or e-mail").inputValue())
        .toBe("");
    }
    await expect.poll(() => creator.byTestId("members").getByRole("listitem").count()).toBe(3);

    await creator.visit("/models/new");
    await creator.page.getByLabel("Name").fill(NAME);
    await creator.page.getByLabel("Group", { exact: true }).selectOption({ label: "Fox Den" });
    await creator.page.getByLabel("Description").fill("Tells short stories about foxes.");
    await creator.page.getByLabel("Licence").selectOption("CC0-1.0");
    await creator.button("Create the model").click();
    await creator.page.waitForURL(/\/models\/[0-9a-f-]{36}\/publish/);
    modelPath = new URL(creator.page.url()).pathname.replace("/publish", "");
    modelId = modelPath.split("/").at(-1) ?? "";

    // A slow line, so that the bar can be seen moving.
    const devtools = await creator.context.newCDPSession(creator.page);
    const slow = { offline: false, latency: 20, downloadThroughput: -1, uploadThroughput: 1_500_000 };
    await devtools.send("Network.emulateNetworkConditions", slow);
    await creator.byTestId("file-input").setInputFiles(FILE);
    await creator.byTestId("upload-progress").waitFor();
    await devtools.send("Network.emulateNetworkConditions", { ...slow, latency: 0, uploadThroughput: -1 });
    await creator.byTestId("file-facts").waitFor();

    const bytes = await readFile(FILE);
    expect(await creator.byTestId("cid").textContent()).toContain(unixfsCid([bytes]));
    expect(await creator.byTestId("sha256").textContent()).toContain(
      createHash("sha256").update(bytes).digest("hex"),
    );
    expect(await creator.byTestId("file-size").getAttribute("data-bytes")).toBe(String(bytes.length));
    expect(await creator.byTestId("gguf-architecture").textContent()).toBe("llama");
    expect(await creator.byTestId("gguf-parameters").textContent()).toContain("4,295,424");
    expect(await creator.byTestId("gguf-quantization").textContent()).toBe("Q8_0");
    expect(await creator.byTestId("gguf-context").textContent()).toBe("1,024 tokens");
    await creator.byTestId("gguf-template").getByText("Show").click();
    expect(await creator.byTestId("gguf-template").textContent()).toContain("<|im_start|>");
  });

  it("3: sets the split, publishes for free, and is in the marketplace within two blocks", async () => {
    const editor = creator.byTestId("split-editor");
    for (const [index, { address }] of members.entries()) {
      const field = editor.getByLabel(`Wallet ${index + 1}`, { exact: true });
      if ((await field.count()) === 0) await editor.getByRole("button", { name: "Add a wallet" }).click();
      await field.fill(address);
      await editor.getByLabel(`Share of wallet ${index + 1} in percent`).fill(String(SHARES[index]! / 100));
    }
    expect(await creator.byTestId("split-sum").getAttribute("data-bps")).toBe("10000");
    await editor.getByRole("button", { name: "Save the split" }).click();
    await creator.byTestId("split-saved").waitFor();

    await creator.page.getByLabel("Price a month").fill("10");
    expect(await creator.byTestId("publish-fee").textContent()).toContain("free");
    const before = await usdtOf(creatorWallet.address);
    await creator.byTestId("publish").click();
    const seen = firstSeenInMarketplace();
    await creator.byTestId("pay-button").dblclick();
    await creator.sign("transaction");
    await creator.byTestId("pay-confirmed").waitFor();
    expect(await usdtOf(creatorWallet.address)).toBe(before);

    const { mirrored, published } = await seen;
    expect(mirrored - published).toBeLessThanOrEqual(2);
    await creator.button("Done").click();
    await creator.byTestId("published").waitFor();
  });

  it("4: a customer registers, subscribes with one stepper, and gets a key that is shown once", async () => {
    customer = await Person.arrive(browser, place.webUrl);
    const { page } = customer;
    await customer.visit("/sign-in?new=1");
    await page.getByLabel("Name").fill("Cora");
    await page.getByLabel("E-mail").fill("cora@example.org");
    await page.getByLabel("Password").fill("a long enough password");
    await customer.button("Create the account").click();
    await customer.byTestId("account-menu").waitFor();
    await customer.connectWallet("customer");

    await customer.visit("/marketplace");
    await page.getByLabel("Search models").fill("fox");
    await page.getByRole("link", { name: NAME }).click();
    await page.waitForURL(`**${modelPath}`);
    expect(await customer.byTestId("price-month").textContent()).toBe("10.00");
    await customer.byTestId("subscribe").click();
    await customer.byTestId("link-wallet").click();
    await customer.sign("message");

    // Everything is there to be read before anything is signed.
    expect(await customer.byTestId("pay-amount").textContent()).toBe("10.00");
    expect(await customer.byTestId("pay-fee").textContent()).toBe("1.00");
    expect(await customer.byTestId("pay-creators").textContent()).toBe("9.00");
    const recipients = await customer.byTestId("pay-recipients").textContent();
    for (const amount of ["4.50", "2.70", "1.80", "1.00"]) expect(recipients).toContain(amount);

    const before = await usdtOf(customerWallet.address);
    const confirmations = watchConfirmations();
    await customer.byTestId("pay-button").dblclick();
    expect(await customer.sign("transaction")).toContain("Allow 10.00 USDT");
    await customer.sign("transaction");
    await customer.byTestId("pay-confirmed").waitFor();
    expect(await confirmations()).toEqual(["1 of 3", "2 of 3", "3 of 3"]);
    expect(before - (await usdtOf(customerWallet.address))).toBe(10_000_000n);
    await customer.button("Done").click();
    await customer.byTestId("subscription-active").waitFor();

    await customer.visit("/keys");
    await page.getByLabel("What it is for").fill("journey");
    await customer.button("Create key").dblclick();
    secret = (await customer.byTestId("key-secret").textContent()) ?? "";
    expect(secret).toMatch(/^aif_[\w-]{43}$/);
    await customer.visit("/keys");
    expect(await customer.byTestId("key-row").count()).toBe(1);
    expect(await page.content()).not.toContain(secret);
  });

  it("5: chats in the page: streamed, stopped, saved", async () => {
    await expect.poll(nodesServing, { timeout: 60_000 }).toBeGreaterThan(0);
    const { page } = customer;
    await customer.visit(`/chat?model=${modelId}`);
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
    conversationPath = new URL(page.url()).pathname;

    // The miner is paused, so that the answer is surely still on its way when Stop is clicked.
    const { pid } = JSON.parse(await readFile(join(place.dataDir, "run/miner.json"), "utf8"));
    process.kill(pid, "SIGSTOP");
    try {
      await ask("Tell me a story about a fox and a lantern.");
      await customer.button("Stop").click();
      await expect.poll(() => answer().getAttribute("data-finish")).toBe("stopped");
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await ask("What is the capital of Germany?");
    await expect.poll(() => answer().textContent()).toContain("The capital of Germany is Berlin.");

    await customer.visit(conversationPath);
    await customer.byTestId("message-user").first().waitFor();
    expect(await customer.byTestId("message-user").count()).toBe(3);
    expect(await customer.byTestId("message-assistant").first().textContent()).toContain(
      "The capital of France is Paris.",
    );
    expect(await answer().textContent()).toContain("The capital of Germany is Berlin.");
  });

  it("5: calls it with the official SDK, streamed and not", async () => {
    const openai = new OpenAI({ baseURL: `${place.webUrl}/api/v1`, apiKey: secret, maxRetries: 0 });
    const models = await openai.models.list();
    const model = models.data.map(({ id }) => id).find((id) => id === modelId || id === "fox-tales") ?? "";
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
      new OpenAI({ baseURL: `${place.webUrl}/api/v1`, apiKey: "aif_wrong", maxRetries: 0 }).models.list(),
    ).rejects.toMatchObject({ status: 401 });
  });

  it("6: the members see what they earned, and it can be withdrawn to the last unit", async () => {
    await creator.visit("/earnings");
    const model = creator.page.locator(`[data-testid="earnings-model"][data-model="${modelId}"]`);
    await model.waitFor();
    const earned = await Promise.all(
      members.map(({ address }) =>
        model.locator(`[data-address="${address.toLowerCase()}"]`).getByTestId("member-earned").textContent(),
      ),
    );
    expect(earned).toEqual(["4.50", "2.70", "1.80"]);
    expect(await model.getByTestId("platform-fee").textContent()).toBe("1.00");
    expect(await model.getByTestId("model-revenue").textContent()).toBe("10.00");

    const before = await usdtOf(creatorWallet.address);
    const claim = creator.byTestId("claim");
    expect(await claim.getByTestId("claim-amount").textContent()).toBe("4.50");
    await claim.getByRole("button", { name: "Withdraw" }).click();
    await creator.byTestId("action-button").dblclick();
    await creator.sign("transaction");
    await creator.byTestId("action-confirmed").waitFor();
    expect((await usdtOf(creatorWallet.address)) - before).toBe(4_500_000n);

    const read = chain();
    const contract = { address: aiforge, abi: aiforgeAbi } as const;
    const drawable = await Promise.all(
      members.map(({ address }) =>
        read.readContract({ ...contract, functionName: "drawableOf", args: [split, address] }),
      ),
    );
    expect(drawable).toEqual([0n, 2_700_000n, 1_800_000n]);
    expect(await read.readContract({ ...contract, functionName: "earnedOf", args: [splitId(split)] })).toBe(
      9_000_000n,
    );
    expect(await creditOf(demoAccount("treasury").address)).toBe(1_000_000n);
    // What the contract holds is what it owes: the platform's part and the two members' shares.
    expect(await usdtOf(aiforge)).toBe(1_000_000n + 2_700_000n + 1_800_000n);
  });

  it("looks right in light, dark and on a phone, without a complaint of axe or the browser", async () => {
    const visitor = await Person.arrive(browser, place.webUrl);
    const pages: [Person, string, string][] = [
      [visitor, "home", "/"],
      [visitor, "sign-in", "/sign-in"],
      [visitor, "marketplace", "/marketplace"],
      [visitor, "model", modelPath],
      [creator, "new-model", "/models/new"],
      [creator, "publish", `${modelPath}/publish`],
      [creator, "earnings", "/earnings"],
      [creator, "groups", "/groups"],
      [creator, "group", groupPath],
      [customer, "chat", conversationPath],
      [customer, "keys", "/keys"],
      [customer, "billing", "/billing"],
      [customer, "account", "/account"],
    ];
    const problems: string[] = [];
    for (const [person, name, path] of pages) problems.push(...(await inspect(person.page, name, path)));
    expect(problems).toEqual([]);
    expect([...visitor.complaints, ...creator.complaints, ...customer.complaints]).toEqual([]);
  }, 300_000);
});

async function nodesServing(): Promise<number> {
  const { data } = await getModel({ client: visitorClient(), path: { id: modelId } });
  return data?.serving.nodes ?? 0;
}

/** Looks at the marketplace until the model is in it. @returns the head then, and the block of the publication */
async function firstSeenInMarketplace(): Promise<{ mirrored: number; published: number }> {
  for (;;) {
    const { data } = await searchMarketplace({ client: visitorClient(), query: { q: "fox" } });
    const hash = data?.items.find(({ id }) => id === modelId)?.onchain?.txHash;
    if (hash) {
      const head = await chain().getBlockNumber({ cacheTime: 0 });
      const { blockNumber } = await chain().getTransactionReceipt({ hash: hash as Hex });
      return { mirrored: Number(head), published: Number(blockNumber) };
    }
    await sleep(50);
  }
}

/** Notes what the stepper says about the payment's confirmations. @returns a function that gives the different ones */
function watchConfirmations(): () => Promise<string[]> {
  const seen: string[] = [];
  let watching = true;
  const watch = async () => {
    const bar = customer.byTestId("step-pay").getByRole("img");
    while (watching) {
      // Not there yet, or gone with its page.
      const text = await bar.getAttribute("aria-label", { timeout: 200 }).catch(() => null);
      const short = text?.replace(" confirmations", "");
      if (short && !short.startsWith("0") && seen.at(-1) !== short) seen.push(short);
      await sleep(50);
    }
  };
  const done = watch();
  return async () => {
    watching = false;
    await done;
    return seen;
  };
}

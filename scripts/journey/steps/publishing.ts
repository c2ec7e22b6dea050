import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { searchMarketplace, walletAuthMessage, walletLogin } from "@aiforge/api/client";
import { LOCAL_CHAIN_ID } from "@aiforge/contracts";
import type { Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { expect, it } from "vitest";
import { unixfsCid } from "../../../api/src/testing/unixfs.ts";
import { Person } from "../people.ts";
import { creatorWallet, FILE, members, NAME, SHARES, type World } from "../world.ts";

export function publishingSteps(world: World): void {
  it("1: a creator connects a wallet and signs in", async () => {
    world.creator = await Person.arrive(world.browser, world.place.webUrl);
    await world.creator.visit("/sign-in");
    await world.creator.connectWallet("creator");
    await world.creator.button("Sign in with this wallet").click();
    const message = await world.creator.sign("message");
    expect(message).toContain(creatorWallet.address);
    expect(message).toContain(`localhost:${world.place.ports.web}`);
    expect(message).toMatch(/Nonce: \w{8,}/);
    await world.creator.signedIn();
    const cookies = await world.creator.context.cookies();
    expect(cookies.some(({ httpOnly }) => httpOnly)).toBe(true);
  });

  it("2: makes a group, and uploads a model with its CID and what its header says", async () => {
    const { creator } = world;
    for (const member of members.slice(1)) await signInByApi(world, member);
    await creator.visit("/groups");
    await creator.page.getByLabel("Name of the new group").fill("Fox Den");
    await creator.button("Create group").click();
    await creator.page.waitForURL(/\/groups\/[0-9a-f-]{36}/);
    world.groupPath = new URL(creator.page.url()).pathname;
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
    world.modelPath = new URL(creator.page.url()).pathname.replace("/publish", "");
    world.modelId = world.modelPath.split("/").at(-1) ?? "";

    // A slow line, so that the bar can be seen moving.
    const devtools = await creator.context.newCDPSession(creator.page);
    const slow = { offline: false, latency: 20, downloadThroughput: -1, uploadThroughput: 1_500_000 };
    await devtools.send("Network.emulateNetworkConditions", slow);
    await creator.byTestId("file-input").setInputFiles(FILE);
    await creator.byTestId("upload-progress").waitFor();
    await devtools.send("Network.emulateNetworkConditions", { ...slow, latency: 0, uploadThroughput: -1 });
    await creator.byTestId("file-facts").waitFor();

    const bytes = await readFile(FILE);
    // What is on IPFS is encrypted, and so has another CID than the file.
    expect(await creator.byTestId("cid").textContent()).toMatch(/bafybei[a-z2-7]{52}/);
    expect(await creator.byTestId("cid").textContent()).not.toContain(unixfsCid([bytes]));
    expect(await creator.byTestId("encrypted").textContent()).toContain("without its key nobody");
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
    const { creator } = world;
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
    await creator.page.getByLabel("Price of the weights").fill("25");
    expect(await creator.byTestId("in-plans").isChecked()).toBe(true);
    expect(await creator.byTestId("publish-fee").textContent()).toContain("free");
    const before = await world.usdtOf(creatorWallet.address);
    await creator.byTestId("publish").click();
    const seen = firstSeenInMarketplace(world);
    await creator.byTestId("pay-button").dblclick();
    await creator.sign("transaction");
    await creator.byTestId("pay-confirmed").waitFor();
    expect(await world.usdtOf(creatorWallet.address)).toBe(before);

    const { mirrored, published } = await seen;
    expect(mirrored - published).toBeLessThanOrEqual(2);
    await creator.button("Done").click();
    await creator.byTestId("published").waitFor();
  });
}

/** A member of the group to be: has signed in once, so that there is an account to add. */
async function signInByApi(world: World, account: (typeof members)[number]): Promise<void> {
  const client = world.visitor;
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

/** Looks at the marketplace until the model is in it. @returns the head then, and the block of the publication */
async function firstSeenInMarketplace(world: World): Promise<{ mirrored: number; published: number }> {
  for (;;) {
    const { data } = await searchMarketplace({ client: world.visitor, query: { q: "fox" } });
    const hash = data?.items.find(({ id }) => id === world.modelId)?.onchain?.txHash;
    if (hash) {
      const head = await world.chain.getBlockNumber({ cacheTime: 0 });
      const { blockNumber } = await world.chain.getTransactionReceipt({ hash: hash as Hex });
      return { mirrored: Number(head), published: Number(blockNumber) };
    }
    await sleep(50);
  }
}

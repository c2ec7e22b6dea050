import { aiforgeAbi, splitId } from "@aiforge/contracts";
import { expect, it } from "vitest";
import { aiforge, creatorWallet, members, split, type World } from "../world.ts";

export function earningsSteps(world: World): void {
  it("6: the members see what they earned, and it can be withdrawn to the last unit", async () => {
    const { creator } = world;
    await creator.visit("/earnings");
    const model = creator.page.locator(`[data-testid="earnings-model"][data-model="${world.modelId}"]`);
    await model.waitFor();
    const earned = await Promise.all(
      members.map(({ address }) =>
        model.locator(`[data-address="${address.toLowerCase()}"]`).getByTestId("member-earned").textContent(),
      ),
    );
    expect(earned).toEqual(["4.50", "2.70", "1.80"]);
    expect(await model.getByTestId("platform-fee").textContent()).toBe("1.00");
    expect(await model.getByTestId("model-revenue").textContent()).toBe("10.00");

    const before = await world.usdtOf(creatorWallet.address);
    const claim = creator.byTestId("claim");
    expect(await claim.getByTestId("claim-amount").textContent()).toBe("4.50");
    await claim.getByRole("button", { name: "Withdraw" }).click();
    await creator.byTestId("action-button").dblclick();
    await creator.sign("transaction");
    await creator.byTestId("action-confirmed").waitFor();
    expect((await world.usdtOf(creatorWallet.address)) - before).toBe(4_500_000n);

    const read = world.chain;
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
    // What the contract holds is what it owes: the platform's part, the pool of the plan, and the two members' shares.
    expect(await read.readContract({ ...contract, functionName: "uncollectedFees" })).toBe(10_000_000n);
    expect(await read.readContract({ ...contract, functionName: "poolFunded" })).toBe(21_000_000n);
    expect(await world.usdtOf(aiforge)).toBe(10_000_000n + 21_000_000n + 2_700_000n + 1_800_000n);
  });
}

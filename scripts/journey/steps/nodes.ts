import { expect, it } from "vitest";
import { Person } from "../people.ts";
import type { World } from "../world.ts";

export function nodeSteps(world: World): void {
  it("9: an admin takes a node out of service, which everybody sees with the reason, and puts it back", async () => {
    const visitor = await Person.arrive(world.browser, world.place.webUrl);
    await visitor.visit("/nodes?only=serving");
    const served = visitor.byTestId("node").first();
    await served.waitFor();
    const id = await served.getAttribute("data-node");
    world.nodePath = `/nodes/${id}`;
    await visitor.visit(world.modelPath);
    await visitor.byTestId("model-nodes").and(visitor.page.locator('[data-state="serving"]')).waitFor();

    const { admin } = world;
    await admin.visit("/admin");
    const node = admin.byTestId("admin-node").and(admin.page.locator(`[data-node="${id}"]`));
    await node.getByTestId("deactivate").click();
    await node.getByTestId("reason").fill("It is being moved.");
    await node.getByTestId("deactivate-now").click();
    await node.getByTestId("activate").waitFor();

    await visitor.visit(world.nodePath);
    await visitor.page.getByText("It is being moved.").waitFor();
    expect(await visitor.byTestId("node-status").getAttribute("data-state")).toBe("off");
    await visitor.visit("/nodes?only=serving");
    await visitor.page.getByText("No node is all of that").waitFor();
    await visitor.button("Show all nodes").click();
    await visitor.byTestId("node").first().waitFor();

    await node.getByTestId("activate").click();
    await node.getByTestId("deactivate").waitFor();
    await visitor.visit(world.nodePath);
    await visitor.byTestId("node-status").and(visitor.page.locator('[data-state="active"]')).waitFor();
    expect(visitor.complaints).toEqual([]);
    await visitor.context.close();
  });

  it("9: invites a node; the invitation is shown this once, and can be taken back", async () => {
    const { admin } = world;
    await admin.byTestId("invite").click();
    expect(await admin.byTestId("invite-token").textContent()).toMatch(/^aifi_[\w-]{20,}$/);
    await admin.visit("/admin");
    await admin.byTestId("invite").waitFor();
    expect(await admin.byTestId("invite-token").count()).toBe(0);
    const invite = admin.byTestId("invite-row").first();
    await invite.getByTestId("invite-revoke").click();
    await expect.poll(() => invite.getAttribute("data-state")).toBe("revoked");
  });
}

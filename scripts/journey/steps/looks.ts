import { monthText } from "@aiforge/contracts";
import { expect, it } from "vitest";
import { inspect } from "../inspect.ts";
import { Person } from "../people.ts";
import type { World } from "../world.ts";

export function lookSteps(world: World): void {
  it("looks right in light, dark and on a phone, without a complaint of axe or the browser", async () => {
    const visitor = await Person.arrive(world.browser, world.place.webUrl);
    const pages: [Person, string, string][] = [
      [visitor, "home", "/"],
      [visitor, "sign-in", "/sign-in"],
      [visitor, "marketplace", "/marketplace"],
      [visitor, "model", world.modelPath],
      [visitor, "nodes", "/nodes"],
      [visitor, "node", world.nodePath],
      [world.creator, "my-nodes", "/nodes/mine"],
      [world.customer, "jobs", "/jobs"],
      [world.customer, "new-job", "/jobs/new?template=fine-tune"],
      ...(world.jobPath ? [[world.customer, "job", world.jobPath] as [Person, string, string]] : []),
      [world.creator, "new-model", "/models/new"],
      [world.creator, "publish", `${world.modelPath}/publish`],
      [world.creator, "earnings", "/earnings"],
      [world.creator, "groups", "/groups"],
      [world.creator, "group", world.groupPath],
      [world.customer, "chat", world.conversationPath],
      [world.customer, "keys", "/keys"],
      [world.customer, "billing", "/billing"],
      [world.customer, "account", "/account"],
      [world.customer, "licensed-model", world.modelPath],
      [visitor, "audit", `/audit?month=${monthText(world.month)}`],
      [world.customer, "disputed-job", `/jobs/${world.disputedJob}`],
      [world.admin, "admin", "/admin"],
      [world.admin, "admin-jobs", "/admin/jobs"],
      [world.admin, "admin-job", `/admin/jobs/${world.disputedJob}`],
    ];
    const problems: string[] = [];
    for (const [person, name, path] of pages) problems.push(...(await inspect(person.page, name, path)));
    expect(problems).toEqual([]);
    expect([
      ...visitor.complaints,
      ...world.creator.complaints,
      ...world.customer.complaints,
      ...world.admin.complaints,
    ]).toEqual([]);
    // A hundred pictures, and axe: on a busy machine that takes minutes.
  }, 900_000);
}

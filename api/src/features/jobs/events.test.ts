import { afterAll, beforeAll, expect, it } from "vitest";
import { someImage, waitingJobs } from "../../testing/fleet.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { assigned, workingNode } from "../../testing/jobs.ts";
import { registerUser, type TestUser } from "../../testing/users.ts";
import type { JobStreamEvent } from "./shapes.ts";

let watched: TestApi;
let worked: TestApi;
let user: TestUser;
beforeAll(async () => {
  // Two instances on one database: one serves who watches, the other the node.
  watched = await createTestApi();
  worked = await createTestApi();
  user = await registerUser(watched);
});
afterAll(async () => {
  await watched.close();
  await worked.close();
});

interface Told {
  id: string;
  data: JobStreamEvent;
}

/** Reads the events of a job until `enough`, then goes away. */
async function watch(
  jobId: string,
  enough: (told: Told[]) => boolean,
  lastEventId?: string,
): Promise<Told[]> {
  const gone = new AbortController();
  const response = await watched.app.request(`/api/jobs/${jobId}/events`, {
    headers: {
      authorization: `Bearer ${user.token}`,
      ...(lastEventId ? { "last-event-id": lastEventId } : {}),
    },
    signal: gone.signal,
  });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const told: Told[] = [];
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks.filter((each) => !each.startsWith(":"))) {
      const fields = new Map(
        block.split("\n").map((line) => [line.split(": ")[0], line.slice(line.indexOf(": ") + 2)]),
      );
      const data = JSON.parse(fields.get("data") ?? "") as JobStreamEvent;
      expect(fields.get("event")).toBe(data.type);
      told.push({ id: fields.get("id") ?? "", data });
    }
    if (enough(told)) break;
  }
  gone.abort();
  return told;
}

const short = ({ data }: Told) => {
  if (data.type === "state") return data.event.to;
  if (data.type === "log") return data.log.text;
  return data.type;
};

it("streams what happens to a job as it happens, whichever instance the node speaks to", async () => {
  const image = someImage();
  const node = await workingNode(worked, image);
  const [id = ""] = await waitingJobs(watched, user.id, 1, { image });
  const attemptId = await assigned(worked, id);
  await node.begin(attemptId);
  const live = watch(id, (told) =>
    told.some(({ data }) => data.type === "state" && data.event.to === "completed"),
  );
  await node.report(attemptId, { type: "log", stream: "stdout", text: "first" });
  await node.report(
    attemptId,
    { type: "log", stream: "stderr", text: "second" },
    { type: "progress", value: 0.5 },
    { type: "sample", cpu: 1, memoryBytes: 1 },
  );
  const begun = Date.now();
  await watch(id, (told) => told.some((each) => short(each) === "second"));
  // Half a second between two looks.
  expect(Date.now() - begun).toBeLessThan(5_000);
  await node.finish(attemptId);
  const told = await live;
  const texts = told.map(short);
  expect(texts.filter((text) => text !== "progress")).toEqual(
    expect.arrayContaining(["assigned", "running", "first", "second", "sample", "verifying", "completed"]),
  );
  expect(new Set(told.filter(({ data }) => data.type === "log").map(({ id: place }) => place)).size).toBe(2);

  // Whoever was away goes on where they were.
  const at = told.find((each) => short(each) === "first")!;
  const rest = await watch(id, (more) => more.some((each) => short(each) === "completed"), at.id);
  expect(rest.map(short)).not.toContain("first");
  expect(rest.map(short)).toContain("second");

  // After the end there is nothing to come back for: 204 keeps a browser away.
  const again = await watched.app.request(`/api/jobs/${id}/events`, {
    headers: { authorization: `Bearer ${user.token}`, "last-event-id": told.at(-1)!.id },
  });
  expect(again.status).toBe(204);
});

it("ends when the reader goes away, and holds nothing of the database meanwhile", async () => {
  const [id = ""] = await waitingJobs(watched, user.id, 1, { image: someImage() });
  const watching = await Promise.all(
    Array.from({ length: 30 }, () =>
      watched.app.request(`/api/jobs/${id}/events`, { headers: { authorization: `Bearer ${user.token}` } }),
    ),
  );
  // More watchers than there are connections.
  expect((await user.call("GET", `/api/jobs/${id}`)).status).toBe(200);
  await Promise.all(watching.map((response) => response.body?.cancel()));
});

import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { beside, type Write } from "./lanes.ts";
import { runShown } from "./run.ts";

const PRINT = 'process.stdout.write("a\\nb"); setTimeout(() => console.log("c"), 300)';
const print = (write: Write) => runShown({ command: process.execPath, args: ["-e", PRINT] }, write);

it("shows whole lines of what runs beside others", async () => {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  expect(await beside("Printing", write, false, print)).toBe(0);
  // In one piece or two, as the machine has time.
  expect(written.join("")).toBe("a\nbc\n");
  for (const text of written) expect(text).toMatch(/\n$/);
});

it("shows what is held back whole, after a sign of life", async () => {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  const run = async (inner: Write) => {
    await print(inner);
    while (written.length === 0) await sleep(5);
  };
  await beside("Printing", write, true, run, 20);
  expect(written[0]).toBe("… Printing: 0 min so far\n");
  expect(written.at(-1)).toBe("a\nbc\n");
});

it("shows the output of what fails too", async () => {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  const fails = async (inner: Write) => {
    inner("before");
    throw new Error("it broke");
  };
  await expect(beside("Failing", write, true, fails)).rejects.toThrow("it broke");
  expect(written).toEqual(["before\n"]);
  const code = await beside("Exiting", write, false, (inner) =>
    runShown(
      { command: process.execPath, args: ["-e", "console.error('why'); process.exitCode = 3"] },
      inner,
    ),
  );
  expect([code, written.at(-1)]).toEqual([3, "why\n"]);
});

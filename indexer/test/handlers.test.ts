import { readdirSync, readFileSync } from "node:fs";
import { aiforgeAbi } from "@aiforge/contracts";
import { expect, test } from "vitest";
import { handlers } from "../evm/src/handlers.ts";

const registered = (folder: string) =>
  readdirSync(new URL(folder, import.meta.url))
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => {
      const source = readFileSync(new URL(`${folder}${file}`, import.meta.url), "utf8");
      return [...source.matchAll(/ponder\.on\("([^"]+)"/g)].map((match) => match[1] ?? "");
    })
    .sort();

test("every event of the contract has a handler", () => {
  const events = aiforgeAbi.flatMap((item) => (item.type === "event" ? [`AIForge:${item.name}`] : []));
  expect(events.length).toBeGreaterThan(30);
  expect([...handlers.keys()].sort()).toEqual([...events, "Usdt:Transfer"].sort());
});

test("the bench's empty app listens to the same events", () => {
  expect(registered("../bench/empty/src/")).toEqual([...handlers.keys()].sort());
});

import { expect, test } from "vitest";
import { tronEventList, tronPages } from "./index.ts";

const PAGE = 200;
const HEAD = 1_000;
const LIST = tronEventList(`0x${"ab".repeat(20)}`);

/** An entry a second, as an event server gives them that does this with the time and the order asked for. */
async function read(serve: (times: number[], query: URLSearchParams) => number[], since: number) {
  const times = Array.from({ length: HEAD }, (_, at) => 1_000 * (at + 1));
  const found = new Set<number>();
  let asked = 0;
  const readPage = async (path: string) => {
    if (++asked > HEAD) throw new Error("it does not end");
    const page = serve(times, new URLSearchParams(path.split("?")[1])).slice(0, PAGE);
    const places = page.map((timestamp) => ({ timestamp }));
    return { places, full: page.length === PAGE, fingerprint: null };
  };
  for await (const page of tronPages(readPage, LIST, since)) {
    for (const { timestamp } of page) found.add(timestamp);
  }
  return found.size;
}

const from = (times: number[], query: URLSearchParams) =>
  times.filter((time) => time >= Number(query.get("min_block_timestamp")));

test("an event server that does as it is asked is read to its end", async () => {
  expect(await read(from, 0)).toBe(HEAD);
  expect(await read(from, 300_000)).toBe(HEAD - 299);
});

test.each([
  { name: "the time", serve: (times: number[]) => times, since: 100_000 },
  { name: "the time, long after its first page,", serve: (times: number[]) => times, since: 900_000 },
  {
    name: "the order",
    serve: (times: number[], query: URLSearchParams) => from(times, query).reverse(),
    since: 100_000,
  },
])("one that ignores $name is refused instead of asked for ever", async ({ serve, since }) => {
  await expect(read(serve, since)).rejects.toThrow("not in the order or of the time asked for");
});

test("one that gives the same page by each fingerprint is refused", async () => {
  const places = Array.from({ length: PAGE }, (_, timestamp) => ({ timestamp }));
  const pages = tronPages(async () => ({ places, full: true, fingerprint: "again" }), LIST, 0);
  expect((await pages.next()).value).toHaveLength(PAGE);
  await expect(pages.next()).rejects.toThrow("not in the order or of the time asked for");
});

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deployments, LOCAL_CHAIN_ID } from "@aiforge/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { MinerError } from "./errors.ts";
import { resolveChains } from "./own-chains.ts";
import { Places } from "./places.ts";

const TRON = "tron:0x2b6653dc";
const USDT = "0xa614f803b6fd780986a42c78ec9c7f77e6ded13c";
const OTHER = `0x${"12".repeat(20)}`;

let dataDir: string;
let asked = 0;
let told: { chain: string; rpcUrl: string; aiforge: string }[] | null;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "places-"));
  asked = 0;
  told = [
    { chain: TRON, rpcUrl: "/tron/728126428", aiforge: USDT },
    { chain: "eip155:31337", rpcUrl: "https://else.example/rpc", aiforge: OTHER },
    { chain: "solana:mainnet", rpcUrl: "/solana", aiforge: "So1" },
  ];
});
afterEach(() => rm(dataDir, { recursive: true }));

function places(own: Parameters<typeof resolveChains>[0] = {}, apiUrl = "https://aiforge.example") {
  const listed = async () => {
    asked += 1;
    if (told === null) throw new MinerError("The API cannot be reached.", { retryable: true });
    return told;
  };
  return new Places({ own: resolveChains(own, { TRON_PRO_API_KEY: "key" }), apiUrl, dataDir, listed });
}

it("believes the operator, then the program, then the API", async () => {
  const local = deployments[LOCAL_CHAIN_ID]!.aiforge;
  expect(await places().all(null)).toMatchObject([
    {
      chain: TRON,
      url: "https://aiforge.example/tron/728126428",
      aiforge: USDT,
      trusted: false,
      headers: {},
    },
    { chain: "eip155:31337", url: "https://else.example/rpc", aiforge: local, trusted: true },
  ]);
  const own = { rpcUrl: `${TRON}=https://mine.example`, contracts: `${TRON}=${OTHER},eip155:31337=${OTHER}` };
  expect(await places(own).all(null)).toMatchObject([
    // The key is for that node, and for no other.
    { url: "https://mine.example", aiforge: OTHER, trusted: true, headers: { "TRON-PRO-API-KEY": "key" } },
    { url: "https://else.example/rpc", aiforge: OTHER, trusted: true, headers: {} },
  ]);
  asked = 0;
  expect(await places(own).one(TRON)).toMatchObject({ url: "https://mine.example", aiforge: OTHER });
  expect(asked).toBe(0);
  const typo = {
    rpcUrl: `${TRON}=https://mine.example`,
    contracts: `${TRON}=TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u`,
  };
  await expect(places(typo).one(TRON)).rejects.toThrow("is no address on");
  await expect(places().one("tron:0xcd8690dc")).rejects.toThrow("not known");
  await expect(places().one("solana:mainnet")).rejects.toThrow("cannot submit");
});

it("remembers what the API said, of that API, and reaches by it what is not behind it", async () => {
  await places().remember();
  told = null;
  // What is behind the API went away with it.
  expect(await places().all(null)).toMatchObject([{ chain: "eip155:31337" }]);
  const own = { rpcUrl: `${TRON}=https://mine.example` };
  expect(await places(own).one(TRON)).toMatchObject({
    url: "https://mine.example",
    aiforge: USDT,
    trusted: false,
  });
  expect(await places(own).all(null)).toHaveLength(2);
  await expect(places(own, "https://other.example").all(null)).rejects.toMatchObject({
    retryable: true,
    hint: expect.stringContaining("--contracts"),
  });
  await expect(places(own, "https://other.example").one(TRON)).rejects.toThrow("cannot be reached");
  // A file that was cut off is none.
  const file = join(dataDir, "chains.json");
  await writeFile(file, (await readFile(file, "utf8")).slice(0, 40));
  await expect(places(own).one(TRON)).rejects.toThrow("cannot be reached");
});

it("goes on past a chain of which the API says what makes no sense, and does not remember it", async () => {
  const [tron, evm] = told!;
  const strange = [
    { ...tron!, rpcUrl: "http://" },
    { ...tron!, chain: "tron:0xcd8690dc", rpcUrl: "file:///etc/passwd" },
    { ...tron!, chain: "tron:0x94a9059e", aiforge: "T" },
  ];
  told = [...strange, evm!];
  const problems: string[] = [];
  expect(await places().all(null, problems)).toMatchObject([{ chain: evm!.chain }]);
  expect(problems).toEqual(strange.map(({ chain }) => expect.stringContaining(chain)));
  expect(JSON.parse(await readFile(join(dataDir, "chains.json"), "utf8"))).toMatchObject({ chains: [evm] });
  // A node of the operator's own needs no address of the API's.
  const own = { rpcUrl: `${TRON}=https://mine.example` };
  expect(await places(own).one(TRON)).toMatchObject({ url: "https://mine.example", aiforge: USDT });
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { showTronAddress } from "@aiforge/contracts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startChain, type TestChain, testClient } from "../../../scripts/testing/chain.ts";
import { startTronDevnet, type TronDevnet } from "../../../scripts/tron-devnet/src/index.ts";
import { resolveChains } from "../own-chains.ts";
import { networkChecks } from "./network.ts";

const USDT = "0xa614f803b6fd780986a42c78ec9c7f77e6ded13c";
let chain: TestChain;
let devnet: TronDevnet;
let dataDir: string;
beforeAll(async () => {
  chain = await startChain();
  devnet = await startTronDevnet({ blockTime: 300, slotMs: 100 });
  dataDir = await mkdtemp(join(tmpdir(), "network-"));
}, 120_000);
afterAll(async () => {
  await devnet?.close();
  await chain?.stop();
  await rm(dataDir, { recursive: true });
});

it("tells an external signer of Tron, and of the gas that it lacks where it can sign", async () => {
  const client = testClient(chain.rpcUrl);
  const [address] = await client.getAddresses();
  const tron = "tron:0x74646576";
  const jobs = resolveChains({
    rpcUrl: `${tron}=${devnet.url},eip155:31337=${chain.rpcUrl}`,
    contracts: `${tron}=${showTronAddress(USDT)},eip155:31337=${USDT}`,
  });
  // A chain of the tests holds keys of its own and signs by JSON-RPC, as a signer does.
  const signer = { signerUrl: chain.rpcUrl, signerAddress: address };
  const config = { apiUrl: "http://127.0.0.1:9", dataDir, jobs, ...signer } as never;
  const gas = () => {
    const found = networkChecks(config).chains.find(({ name }) => name === "gas");
    return found!.look();
  };
  const rich = await gas();
  expect(rich).toMatchObject({ state: "warning", detail: expect.stringMatching(/ ETH on .*cannot sign on/) });
  expect(rich.fix).toMatch(/^Give a node that is paid there a key file instead of --signer-url\.$/);
  await client.setBalance({ address: address!, value: 0n });
  expect((await gas()).fix).toMatch(new RegExp(`a key file .* Send about .* ETH to ${address}`, "i"));
  // Where there is no contract, an address is written as that chain's people write it.
  const contract = await networkChecks(config).chains[0]!.look();
  expect(contract.detail).toContain(`no contract at ${showTronAddress(USDT)}`);
}, 120_000);

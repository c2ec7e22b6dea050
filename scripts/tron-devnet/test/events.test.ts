import { tetherTronBytecode, usdtAbi } from "@aiforge/contracts";
import type { TronWeb } from "tronweb";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TronDevnet } from "../src/index.ts";
import { addressOf, client, deploy, KEYS, startTestDevnet, TRX } from "./client.ts";

const PAYMENTS = 205;
const bob = addressOf(KEYS.bob);
let devnet: TronDevnet;
let tron: TronWeb;
let usdt: string;
let last: string;

beforeAll(async () => {
  devnet = await startTestDevnet();
  tron = client(devnet.url);
  usdt = await deploy(devnet, tron, {
    abi: usdtAbi,
    bytecode: tetherTronBytecode,
    parameters: [1_000_000_000n],
  });
  for (let value = 1; value <= PAYMENTS; value++) {
    const parameters = [
      { type: "address", value: bob },
      { type: "uint256", value },
    ];
    const options = { txLocal: true, feeLimit: 20 * TRX };
    const built = await tron.transactionBuilder.triggerSmartContract(
      usdt,
      "transfer(address,uint256)",
      options,
      parameters,
    );
    last = (await tron.trx.sendRawTransaction(await tron.trx.sign(built.transaction))).txid;
    if (value % 50 === 0) await devnet.mine();
  }
  await devnet.mine();
});
afterAll(() => devnet.close());

interface Transfer {
  from: string;
  to: string;
  value: string;
  token_info: object;
  type: string;
  transaction_id: string;
}
interface Page {
  success: boolean;
  data: Transfer[];
  meta: { fingerprint?: string; page_size: number };
}

const transfers = async (query: Record<string, string>): Promise<Page> =>
  (await (
    await fetch(`${devnet.url}/v1/accounts/${bob}/transactions/trc20?${new URLSearchParams(query)}`)
  ).json()) as Page;

test("a contract's events are found by tronweb, newest first, decoded by its ABI", async () => {
  const { data, meta } = await tron.getEventResult(usdt, { eventName: "Transfer", limit: 2 });
  expect(meta?.page_size).toBe(2);
  const hex = (base58: string) => tron.address.toHex(base58).replace(/^41/, "0x");
  expect(data?.[0]).toMatchObject({
    contract_address: usdt,
    event_name: "Transfer",
    event_index: 0,
    transaction_id: last,
    block_number: devnet.head(),
    result: { from: hex(addressOf(KEYS.alice)), to: hex(bob), value: String(PAYMENTS), 2: String(PAYMENTS) },
    result_type: { from: "address", to: "address", value: "uint256" },
    _unconfirmed: true,
  });
  const ofOne = await tron.event.getEventsByTransactionID(last);
  expect(ofOne.data).toEqual(data?.slice(0, 1));
  expect((await tron.getEventResult(usdt, { onlyConfirmed: true })).data).toEqual([]);
});

test("a page holds 200 at most, and its fingerprint leads to the rest", async () => {
  const first = await transfers({ limit: "500", contract_address: usdt });
  expect(first.data).toHaveLength(200);
  expect(first.data[0]).toMatchObject({
    from: addressOf(KEYS.alice),
    to: bob,
    value: String(PAYMENTS),
    type: "Transfer",
    token_info: { symbol: "USDT", decimals: 6, address: usdt, name: "Tether USD" },
  });
  const rest = await transfers({
    limit: "500",
    contract_address: usdt,
    fingerprint: first.meta.fingerprint as string,
  });
  expect(rest.data.map(({ value }) => value)).toEqual(["5", "4", "3", "2", "1"]);
  expect(rest.meta).not.toHaveProperty("fingerprint");
});

test("a fingerprint of other filters is refused", async () => {
  const { meta } = await transfers({ limit: "3" });
  expect(
    await transfers({ limit: "3", only_to: "true", fingerprint: meta.fingerprint as string }),
  ).toMatchObject({
    success: false,
  });
});

test("the fingerprint can be missing on a full page", async () => {
  const [backend] = devnet.backends;
  if (backend) backend.dropFingerprints = true;
  expect((await transfers({ limit: "3" })).meta).toEqual({ at: expect.any(Number), page_size: 3 });
});

test("transfers are filtered by direction, token and time", async () => {
  expect((await transfers({ only_from: "true" })).data).toEqual([]);
  expect((await transfers({ contract_address: bob })).data).toEqual([]);
  const oldest = await transfers({ order_by: "block_timestamp,asc", limit: "1" });
  expect(oldest.data[0]?.value).toBe("1");
  expect((await transfers({ max_timestamp: "1" })).data).toEqual([]);
});

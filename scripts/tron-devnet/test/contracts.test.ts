import { tetherTronBytecode, usdtAbi } from "@aiforge/contracts";
import { type TronWeb, utils } from "tronweb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TronDevnet } from "../src/index.ts";
import { addressOf, client, deploy, KEYS, startTestDevnet, TRX } from "./client.ts";

let devnet: TronDevnet;
let tron: TronWeb;
let usdt: string;
const bob = addressOf(KEYS.bob);
const SUPPLY = 1_000_000_000_000n;

beforeAll(async () => {
  devnet = await startTestDevnet();
  tron = client(devnet.url);
  usdt = await deploy(devnet, tron, { abi: usdtAbi, bytecode: tetherTronBytecode, parameters: [SUPPLY] });
});
afterAll(() => devnet.close());

/** Signs, sends and mines a call. */
async function send(selector: string, parameters: object[], options = {}) {
  const { transaction } = await tron.transactionBuilder.triggerSmartContract(
    usdt,
    selector,
    { txLocal: true, feeLimit: 100 * TRX, ...options },
    parameters as never,
  );
  const sent = await tron.trx.sendRawTransaction(await tron.trx.sign(transaction));
  if (!sent.result) throw new Error(sent.code?.toString());
  await devnet.mine();
  return tron.trx.getUnconfirmedTransactionInfo(sent.txid);
}

const transfer = (to: string, value: bigint) => [
  { type: "address", value: to },
  { type: "uint256", value: value.toString() },
];

describe("a contract", () => {
  test("is at the address that tronweb foretold, and tells its ABI", async () => {
    const contract = await tron.trx.getContract(usdt);
    expect(contract.contract_address).toBe(tron.address.toHex(usdt));
    expect(contract.origin_address).toBe(tron.defaultAddress.hex);
    expect(contract.abi.entrys.some(({ name }: { name: string }) => name === "transfer")).toBe(true);
    const loaded = await tron.contract().at(usdt);
    expect(await loaded.methods.totalSupply?.().call()).toBe(SUPPLY);
  });

  test("answers a constant call, on both nodes", async () => {
    const balance = async (confirmed: boolean) => {
      const { constant_result, energy_used } = await tron.transactionBuilder[
        confirmed ? "triggerConfirmedConstantContract" : "triggerConstantContract"
      ](usdt, "balanceOf(address)", {}, [{ type: "address", value: tron.defaultAddress.base58 as string }]);
      expect(energy_used).toBeGreaterThan(0);
      return BigInt(`0x${constant_result[0]}`);
    };
    expect(await balance(false)).toBe(SUPPLY);
    // The contract is not solid yet.
    await expect(balance(true)).rejects.toThrow("not a valid smart contract");
    await devnet.mine(20);
    expect(await balance(true)).toBe(SUPPLY);
  });

  test.each([{ txLocal: true }, { txLocal: false }])("is called, built with %o", async (options) => {
    const before = await devnet.head();
    const info = await send("transfer(address,uint256)", transfer(bob, 5_000_000n), options);
    expect(info).toMatchObject({
      blockNumber: before + 1,
      contract_address: tron.address.toHex(usdt),
      // It succeeded, and returned false.
      contractResult: ["00".repeat(32)],
      receipt: { result: "SUCCESS" },
    });
    expect(info).not.toHaveProperty("result");
    const energy = info.receipt.energy_usage_total as number;
    expect(info.receipt.energy_fee).toBe(energy * 100);
    expect(info.fee).toBe(energy * 100 + (info.receipt.net_fee ?? 0));
    expect(info.log).toEqual([
      {
        address: tron.address.toHex(usdt).slice(2),
        topics: [
          utils.ethersUtils.id("Transfer(address,address,uint256)").slice(2),
          (tron.defaultAddress.hex as string).slice(2).padStart(64, "0"),
          tron.address.toHex(bob).slice(2).padStart(64, "0"),
        ],
        data: (5_000_000).toString(16).padStart(64, "0"),
      },
    ]);
    const byBlock = await tron.fullNode.request(
      "wallet/gettransactioninfobyblocknum",
      { num: info.blockNumber },
      "post",
    );
    expect(byBlock).toEqual([info]);
  });

  test("that reverts is FAILED, without logs, and costs what it used", async () => {
    const balance = await tron.trx.getUnconfirmedBalance();
    const info = await send("transfer(address,uint256)", transfer(bob, SUPPLY * 2n));
    expect(info).toMatchObject({ result: "FAILED", receipt: { result: "REVERT" } });
    expect(Buffer.from(info.resMessage, "hex").toString()).toBe("REVERT opcode executed");
    expect(info).not.toHaveProperty("log");
    expect(await tron.trx.getUnconfirmedBalance()).toBe(balance - info.fee);
    expect((await tron.trx.getTransaction(info.id)).ret).toEqual([{ contractRet: "REVERT" }]);
  });

  test("that cannot be called says why, to a constant call and to an estimate", async () => {
    const call = {
      owner_address: tron.defaultAddress.hex,
      contract_address: tron.address.toHex(usdt),
      function_selector: "transfer(address,uint256)",
      parameter: (tron.address.toHex(bob).slice(2).padStart(64, "0") + "f".repeat(64)) as string,
    };
    const ask = (name: string, body: object) =>
      tron.fullNode.request<{ result: { message: string } }>(`wallet/${name}`, body, "post");
    const reverted = { result: true, message: Buffer.from("REVERT opcode executed").toString("hex") };
    expect(await ask("triggerconstantcontract", call)).toMatchObject({
      result: reverted,
      constant_result: [expect.any(String)],
      transaction: { ret: [{ ret: "FAILED" }] },
    });
    expect(await ask("estimateenergy", call)).toEqual({ result: reverted });
    // The deployment of an invalid opcode.
    const failed = await ask("triggerconstantcontract", { owner_address: call.owner_address, data: "fe" });
    expect(failed).toEqual({ result: { code: "OTHER_ERROR", message: expect.any(String) } });
    expect(Buffer.from(failed.result.message, "hex").toString()).toContain("ILLEGAL_OPERATION");
  });

  test("that needs more than its fee limit is OUT_OF_ENERGY and costs all of it", async () => {
    const info = await send("transfer(address,uint256)", transfer(bob, 1n), { feeLimit: 500_000 });
    expect(info).toMatchObject({
      result: "FAILED",
      receipt: { result: "OUT_OF_ENERGY", energy_fee: 500_000 },
    });
    expect(info).not.toHaveProperty("log");
  });

  test("needs the energy that is estimated, and no more", async () => {
    const parameters = transfer(addressOf(KEYS.pauper), 1n);
    const { energy_required } = await tron.transactionBuilder.estimateEnergy(
      usdt,
      "transfer(address,uint256)",
      {},
      parameters,
    );
    const price = (await tron.trx.getChainParameters()).find(({ key }) => key === "getEnergyFee")
      ?.value as number;
    const info = await send("transfer(address,uint256)", parameters, { feeLimit: energy_required * price });
    expect(info.receipt.result).toBe("SUCCESS");
    expect(info.receipt.energy_usage_total).toBeLessThanOrEqual(energy_required);
  });

  test("that is not there is refused", async () => {
    const nowhere = addressOf("77".repeat(32));
    await expect(
      tron.transactionBuilder.triggerSmartContract(
        nowhere,
        "transfer(address,uint256)",
        {},
        transfer(bob, 1n),
      ),
    ).rejects.toThrow("not a valid smart contract");
  });
});

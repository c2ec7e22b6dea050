import { once } from "node:events";
import { request } from "node:http";
import type { Types } from "tronweb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend, TronDevnet } from "../src/index.ts";
import { sign } from "../src/protocol/crypto.ts";
import { transactionFromJson, transactionToBytes } from "../src/protocol/transaction.ts";
import { addressOf, client, KEYS, signedTransfer, startTestDevnet, statusOf, TRX } from "./client.ts";

let devnet: TronDevnet;
beforeAll(async () => {
  devnet = await startTestDevnet();
});
afterAll(() => devnet.close());

const bob = addressOf(KEYS.bob);
const pauper = addressOf(KEYS.pauper);
const tron = () => client(devnet.url);
const message = (hex: string) => Buffer.from(hex, "hex").toString();

describe("a transfer of TRX", () => {
  test("is sent, mined, found, and solid 18 blocks later", async () => {
    const before = await tron().trx.getUnconfirmedBalance(bob);
    const sent = await tron().trx.sendTransaction(bob, 5 * TRX);
    expect(sent.result).toBe(true);
    expect(await tron().trx.getUnconfirmedTransactionInfo(sent.txid)).toEqual({});

    for (let made = 0; made < 30; made++) await devnet.mine();
    const info = await tron().trx.getUnconfirmedTransactionInfo(sent.txid);
    expect(info).toMatchObject({ id: sent.txid, contractResult: [""] });
    expect(info.receipt).not.toHaveProperty("result");
    expect(info).not.toHaveProperty("result");
    expect(await tron().trx.getUnconfirmedBalance(bob)).toBe(before + 5 * TRX);

    const { number } = (await tron().trx.getBlockByNumber(info.blockNumber)).block_header.raw_data;
    expect(number).toBe(info.blockNumber);
    const transaction = await tron().trx.getTransaction(sent.txid);
    expect(transaction.ret).toEqual([{ contractRet: "SUCCESS" }]);
    expect(transaction.raw_data.contract[0]?.parameter.value).toEqual({
      owner_address: tron().defaultAddress.hex,
      to_address: tron().address.toHex(bob),
      amount: 5 * TRX,
    });
    expect(devnet.solid()).toBe(devnet.head() - 18);
    expect(await tron().trx.getTransactionInfo(sent.txid)).toEqual(info);
  });

  test("to a new address costs 1.1 TRX more and activates it", async () => {
    expect(await tron().trx.getAccount(pauper)).toEqual({});
    const { txid } = await tron().trx.sendTransaction(pauper, 2 * TRX);
    await devnet.mine();
    const info = await tron().trx.getUnconfirmedTransactionInfo(txid);
    expect(info.fee).toBe(1.1 * TRX);
    expect(await tron().trx.getUnconfirmedAccount(pauper)).toMatchObject({ balance: 2 * TRX });
  });

  test("built by the node is what tronweb would have built", async () => {
    const built = await tron().fullNode.request<Types.SignedTransaction>(
      "wallet/createtransaction",
      { owner_address: tron().defaultAddress.hex, to_address: tron().address.toHex(bob), amount: 7 },
      "post",
    );
    const signed = await tron().trx.sign(built);
    expect((await tron().trx.sendRawTransaction(signed)).result).toBe(true);
  });

  test("sent as bytes is taken as well", async () => {
    const signed = await signedTransfer(tron(), bob, 11);
    const hex = Buffer.from(
      transactionToBytes(transactionFromJson(JSON.parse(JSON.stringify(signed)))),
    ).toString("hex");
    const sent = await tron().trx.sendHexTransaction(hex);
    expect(sent).toMatchObject({ result: true });
  });
});

describe("a transaction is refused", () => {
  test("twice: DUP_TRANSACTION_ERROR, before and after it is mined", async () => {
    const signed = await signedTransfer(tron(), bob, 13);
    expect((await tron().trx.sendRawTransaction(signed)).result).toBe(true);
    expect(await tron().trx.sendRawTransaction(signed)).toMatchObject({ code: "DUP_TRANSACTION_ERROR" });
    await devnet.mine();
    expect(await tron().trx.sendRawTransaction(signed)).toMatchObject({ code: "DUP_TRANSACTION_ERROR" });
  });

  test("signed by another: SIGERROR", async () => {
    const built = await tron().transactionBuilder.sendTrx(bob, 17);
    const id = Buffer.from(built.txID, "hex");
    const signature = [Buffer.from(sign(id, Buffer.from(KEYS.bob, "hex"))).toString("hex")];
    const sent = await tron().trx.sendRawTransaction({ ...built, signature } as Types.SignedTransaction);
    expect(sent).toMatchObject({ code: "SIGERROR" });
  });

  test("not signed, or with a signature that is none: SIGERROR", async () => {
    const built = await tron().transactionBuilder.sendTrx(bob, 19);
    for (const signature of [[], ["00".repeat(65)], ["ff".repeat(65)], ["1234"]]) {
      const sent = await tron().fullNode.request<{ code: string }>(
        "wallet/broadcasttransaction",
        { ...built, signature },
        "post",
      );
      expect(sent.code).toBe("SIGERROR");
    }
  });

  test("whose raw_data, raw_data_hex and txID disagree: SIGERROR", async () => {
    const signed = await signedTransfer(tron(), bob, 23);
    const other = await signedTransfer(tron(), bob, 24);
    for (const forged of [
      { ...signed, raw_data: other.raw_data },
      { ...signed, raw_data_hex: other.raw_data_hex },
      { ...signed, txID: other.txID },
      { ...signed, raw_data: { ...signed.raw_data, timestamp: 1 } },
    ]) {
      const sent = await tron().fullNode.request<{ code: string; message: string }>(
        "wallet/broadcasttransaction",
        forged,
        "post",
      );
      expect(sent.code).toBe("SIGERROR");
      expect(message(sent.message)).toMatch(/raw_data|txID/);
    }
  });

  test("that refers to a block that is not there: TAPOS_ERROR", async () => {
    const now = (await tron().trx.getCurrentBlock()).block_header.raw_data.timestamp;
    const blockHeader = {
      ref_block_bytes: "0001",
      ref_block_hash: "0123456789abcdef",
      expiration: now + 60_000,
      timestamp: now,
    };
    const built = await tron().transactionBuilder.sendTrx(bob, 29, undefined, { blockHeader });
    const sent = await tron().trx.sendRawTransaction(
      (await tron().trx.sign(built)) as Types.SignedTransaction,
    );
    expect(sent).toMatchObject({ code: "TAPOS_ERROR" });
  });

  test("too late, or good for more than a day: TRANSACTION_EXPIRATION_ERROR", async () => {
    const late = await signedTransfer(tron(), bob, 31);
    const far = await tron().transactionBuilder.extendExpiration(
      await tron().transactionBuilder.sendTrx(bob, 37),
      86_400,
    );
    expect(
      await tron().trx.sendRawTransaction((await tron().trx.sign(far)) as Types.SignedTransaction),
    ).toMatchObject({
      code: "TRANSACTION_EXPIRATION_ERROR",
    });
    for (let made = 0; made < 21; made++) await devnet.mine();
    expect(await tron().trx.sendRawTransaction(late)).toMatchObject({ code: "TRANSACTION_EXPIRATION_ERROR" });
  });

  test("with more than there is: CONTRACT_VALIDATE_ERROR", async () => {
    const sent = await tron().trx.sendRawTransaction(await signedTransfer(tron(), bob, 1_000_000 * TRX));
    expect(sent).toMatchObject({ code: "CONTRACT_VALIDATE_ERROR" });
    expect(message(sent.message as unknown as string)).toContain("balance is not sufficient");
  });

  test("when its bytes cannot be paid: BANDWITH_ERROR", async () => {
    const poor = client(devnet.url, "d4".repeat(32));
    await devnet.fund(poor.defaultAddress.base58 as string, 1000n);
    await devnet.mine();
    // The free quota is enough for two.
    for (let sent = 0; sent < 2; sent++) {
      expect((await poor.trx.sendTransaction(bob, sent + 1)).result).toBe(true);
      await devnet.mine();
    }
    const third = await poor.trx.sendRawTransaction(await signedTransfer(poor, bob, 3));
    expect(third).toMatchObject({ code: "BANDWITH_ERROR" });
  });

  test("larger than half a megabyte: TOO_BIG_TRANSACTION_ERROR", async () => {
    const built = await tron().transactionBuilder.sendTrx(bob, 43);
    const large = await tron().transactionBuilder.addUpdateData(built, "ab".repeat(512_000), "hex");
    const sent = await tron().trx.sendRawTransaction(
      (await tron().trx.sign(large)) as Types.SignedTransaction,
    );
    expect(sent).toMatchObject({ code: "TOO_BIG_TRANSACTION_ERROR" });
  });

  test("while 2,000 others wait: SERVER_BUSY", async () => {
    const { chain } = (devnet.backends[0] as Backend).view;
    const waiting = transactionFromJson(JSON.parse(JSON.stringify(await signedTransfer(tron(), bob, 47))));
    for (let others = 0; others < 2000; others++) chain.pending.set(String(others), waiting);
    const signed = await signedTransfer(tron(), bob, 48);
    expect(await tron().trx.sendRawTransaction(signed)).toMatchObject({ code: "SERVER_BUSY" });
    chain.pending.clear();
    expect((await tron().trx.sendRawTransaction(signed)).result).toBe(true);
  });

  test("from an address that is no account: CONTRACT_VALIDATE_ERROR", async () => {
    const nobody = client(devnet.url, "e5".repeat(32));
    expect(await nobody.trx.sendRawTransaction(await signedTransfer(nobody, bob, 1))).toMatchObject({
      code: "CONTRACT_VALIDATE_ERROR",
    });
  });
});

test("a transaction tells who signed it, and multiSign refuses who may not", async () => {
  const built = await tron().transactionBuilder.sendTrx(bob, 41);
  await expect(tron().trx.multiSign(built, KEYS.bob, 2)).rejects.toThrow("no permission to sign");
  const signed = await tron().trx.multiSign(built, KEYS.alice, 2);
  const { approved_list } = await tron().trx.getApprovedList(signed);
  expect(approved_list).toEqual([tron().defaultAddress.hex]);
  expect((await tron().trx.sendRawTransaction(signed)).result).toBe(true);
});

test("a message that is signed tells its signer", async () => {
  const signature = await tron().trx.signMessageV2("Sign in to AIForge");
  expect(await tron().trx.verifyMessageV2("Sign in to AIForge", signature)).toBe(
    tron().defaultAddress.base58,
  );
  expect(await tron().trx.verifyMessageV2("Sign in to another", signature)).not.toBe(
    tron().defaultAddress.base58,
  );
});

test("blocks are linked, found by height and id, and end in the chain's id", async () => {
  const range = await tron().trx.getBlockRange(0, 4);
  for (const [height, block] of range.entries()) {
    expect(BigInt(`0x${block.blockID.slice(0, 16)}`)).toBe(BigInt(height));
    if (height > 0) expect(block.block_header.raw_data.parentHash).toBe(range[height - 1]?.blockID);
    expect((await tron().trx.getBlockByHash(block.blockID)).blockID).toBe(block.blockID);
  }
  expect(Number.parseInt(range[0]?.blockID.slice(-8) as string, 16)).toBe(devnet.chainId);
  const solid = await tron().trx.getConfirmedCurrentBlock();
  expect(solid.block_header.raw_data.number).toBe(devnet.solid());
  await expect(tron().trx.getBlockByNumber(devnet.head() + 1)).rejects.toThrow("Block not found");
});

test("the node tells of itself, and of what an account may send", async () => {
  expect((await tron().trx.getNodeInfo()).block).toContain(`Num:${devnet.head()},`);
  const resources = await tron().trx.getAccountResources(tron().defaultAddress.base58 as string);
  expect(resources.freeNetLimit).toBe(600);
  expect(await tron().trx.getBandwidth()).toBe(600 - (resources.freeNetUsed ?? 0));
  expect(await tron().trx.getEnergyPrices()).toBe("0:100");
});

test.each<[string, string | undefined, number]>([
  ["wallet/getblockbynum", "{", 200],
  ["wallet/getblockbynum", "[]", 200],
  ["wallet/getblockbynum", '{"num":"x"}', 200],
  ["wallet/getblockbynum", '{"num":1e300}', 200],
  ["wallet/getblockbyid", '{"value":"00"}', 200],
  ["wallet/gettransactioninfobyid", '{"value":{}}', 200],
  ["wallet/getaccount", '{"address":"T"}', 200],
  ["wallet/triggerconstantcontract", '{"owner_address":"41","data":"0"}', 200],
  ["wallet/getsignweight", '{"raw_data":{"contract":[{"parameter":7}]}}', 200],
  ["wallet/constructor", "{}", 404],
  ["walletsolidity/broadcasttransaction", "{}", 404],
  ["v1/contracts/T/events", undefined, 400],
  ["v1/accounts/x/transactions/trc20", undefined, 400],
])("%s with %s is refused with a reason", async (path, body, status) => {
  const response = await fetch(`${devnet.url}/${path}`, body === undefined ? {} : { method: "POST", body });
  expect(response.status).toBe(status);
  expect(await response.json()).toSatisfy((answer) => "Error" in answer || "error" in answer);
});

test("what is no request does not end the devnet, nor the next one's connection", async () => {
  for (const path of ["//", "///x", "//[", "/%zz", "/?%", "*"]) {
    expect(await statusOf(devnet.url, { path })).toBe(404);
  }
  const huge = await fetch(`${devnet.url}/wallet/getblockbynum`, { method: "POST", body: "x".repeat(5e6) });
  expect(await huge.json()).toEqual({ Error: "The request is too large" });
  const half = request({ port: new URL(devnet.url).port, method: "POST", headers: { "content-length": 9 } });
  half.on("error", () => {}).flushHeaders();
  await once(half, "socket");
  half.destroy();
  expect((await fetch(`${devnet.url}/wallet/getnowblock`)).status).toBe(200);
});

test.each<[string, object]>([
  ["broadcasttransaction", {}],
  ["broadcasttransaction", { raw_data: { contract: [{ type: "VoteWitnessContract" }] } }],
  ["broadcasttransaction", { raw_data: { contract: [] }, signature: "00" }],
  ["broadcasthex", { transaction: "zz" }],
  ["broadcasthex", { transaction: "0a03ffffff" }],
])("%s of %o is no transaction", async (name, body) => {
  expect(await tron().fullNode.request(`wallet/${name}`, { more: 1, ...body }, "post")).toMatchObject({
    code: "SIGERROR",
  });
});

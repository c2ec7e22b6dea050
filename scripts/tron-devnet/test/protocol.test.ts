import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TronDevnet } from "../src/index.ts";
import { parseAddress, toBase58 } from "../src/protocol/address.ts";
import { fromHex, toHex } from "../src/protocol/hex.ts";
import { CONTRACTS, type RAW_DATA } from "../src/protocol/messages.ts";
import { decode, encode, type Message } from "../src/protocol/protobuf.ts";
import {
  readTransaction,
  TransactionFormatError,
  transactionFromBytes,
  transactionFromJson,
  transactionToBytes,
} from "../src/protocol/transaction.ts";
import { client, KEYS, signedTransfer, startTestDevnet } from "./client.ts";

describe("an address", () => {
  const usdt = "a614f803b6fd780986a42c78ec9c7f77e6ded13c";

  test.each([
    "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    `41${usdt}`,
    `0x41${usdt}`,
    `0x${usdt}`,
    usdt,
    `0x${usdt.toUpperCase()}`,
  ])("is read from %s", (form) => {
    expect(parseAddress(form)).toBe(usdt);
    expect(toBase58(usdt)).toBe("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t");
  });

  test.each([
    "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u",
    "T0",
    "T".repeat(34),
    `42${usdt}`,
    `41${usdt}00`,
    "",
    "0x",
    null,
    7,
    {},
  ])("is not read from %s", (form) => expect(parseAddress(form)).toBeNull());
});

describe("a message", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: 1, maxLength: length });
  const int = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).filter((value) => value !== 0n);

  test("is read as it was written", () => {
    const message = fc.record({
      owner_address: bytes(21),
      contract_address: bytes(21),
      call_value: int,
      data: bytes(300),
    });
    const { schema } = CONTRACTS.TriggerSmartContract as { schema: typeof RAW_DATA };
    fc.assert(
      fc.property(message, (value) => {
        expect(decode(schema, encode(schema, value as Message))).toEqual(value);
      }),
    );
  });

  test("of any bytes is a transaction or refused as none", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
        for (const read of [() => readTransaction(raw, []), () => transactionFromBytes(raw)]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(TransactionFormatError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a transaction of tronweb's", () => {
  let devnet: TronDevnet;
  let signed: Awaited<ReturnType<typeof signedTransfer>>;
  beforeAll(async () => {
    devnet = await startTestDevnet();
    signed = await signedTransfer(
      client(devnet.url),
      client(devnet.url, KEYS.bob).defaultAddress.base58 as string,
      1,
    );
  });
  afterAll(() => devnet.close());

  const plain = () => JSON.parse(JSON.stringify(signed));
  const raw = () => fromHex(signed.raw_data_hex) as Uint8Array;

  test("encodes to the same bytes here, and back", () => {
    const transaction = transactionFromJson(plain());
    expect(toHex(transaction.raw)).toBe(signed.raw_data_hex);
    expect(transaction.id).toBe(signed.txID);
    expect(transactionFromBytes(transactionToBytes(transaction))).toEqual(transaction);
  });

  test("is refused when a byte of it is changed", () => {
    for (let at = 0; at < raw().length; at++) {
      const changed = raw();
      changed[at] = (changed[at] as number) ^ 1;
      expect(() => transactionFromJson({ ...plain(), raw_data_hex: toHex(changed) })).toThrow(
        TransactionFormatError,
      );
    }
  });

  test.each<[string, (bytes: Uint8Array) => number[]]>([
    ["a field that nobody knows", (bytes) => [...bytes, 0xa8, 0x06, 0x01]],
    ["a field that is a default", (bytes) => [...bytes, 0x90, 0x01, 0x00]],
    ["a number longer than it need be", (bytes) => [...bytes, 0x90, 0x01, 0x81, 0x00]],
    ["an end within a field", (bytes) => [...bytes].slice(0, -1)],
  ])("is refused with %s", (_, change) => {
    expect(() => readTransaction(Uint8Array.from(change(raw())), [])).toThrow(TransactionFormatError);
  });
});

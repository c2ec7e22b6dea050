import { afterEach, beforeEach, expect, test } from "vitest";
import { keccak256 } from "../src/protocol/crypto.ts";
import { fromHex, toHex } from "../src/protocol/hex.ts";
import { credit, readAccount } from "../src/vm/accounts.ts";
import { TronEvm } from "../src/vm/evm.ts";
import { State } from "../src/vm/state.ts";

const OWNER = "11".repeat(20);
const ID = "ab".repeat(32);
const WITNESS = "22".repeat(20);
const block = { number: 5, time: 1_700_000_001_500, witness: WITNESS };

let state: State;
let evm: TronEvm;
beforeEach(() => {
  state = new State();
  credit(state, OWNER, 1_000_000n, 0);
  state.takeChanges();
  evm = new TronEvm(state, 0x2b6653dc, (height) => new Uint8Array(32).fill(height));
});
afterEach(() => expect(() => state.takeChanges()).not.toThrow());

/** Stores the top of the stack in memory and returns it. */
const RETURN = "5f5260205ff3";
const hex = (text: string) => fromHex(text) as Uint8Array;

/** Runs code as the deployment of a contract, whose code is what it returns. */
const run = (code: string, transactionId = ID) =>
  evm.run({ transactionId, caller: OWNER, value: 0n, data: hex(code), energyLimit: 1_000_000n, block });

test.each([
  ["CHAINID", "46", 0x2b6653dcn],
  ["DIFFICULTY", "44", 0n],
  ["GASLIMIT", "45", 0n],
  ["BASEFEE", "48", 100n],
  ["NUMBER", "43", 5n],
  ["TIMESTAMP", "42", 1_700_000_001n],
  ["COINBASE", "41", BigInt(`0x${WITNESS}`)],
  ["BLOCKHASH of 3", "600340", BigInt(`0x${"03".repeat(32)}`)],
  ["CLZ of 1, as of Osaka", "60011e", 255n],
])("%s reads as on Tron", async (_, opcode, value) => {
  const { contract } = await run(opcode + RETURN);
  expect(BigInt(`0x${state.get(`c${contract}`)}`)).toBe(value);
});

test("a contract's address comes from the transaction and its owner", async () => {
  const { contract } = await run(`5f${RETURN}`);
  expect(contract).toBe(toHex(keccak256(hex(ID), hex(`41${OWNER}`)).subarray(12)));
});

test("what is created within a transaction is named after its id and the number of the call", async () => {
  const create = "5f5f5ff0";
  for (const [code, id, nonce] of [
    [create, ID, "00"],
    [`${create}50${create}`, "cd".repeat(32), "01"],
    // A call of the identity precompile is not counted, one of an account is.
    [`5f5f5f5f5f60045af150${create}`, "ef".repeat(32), "00"],
    [`5f5f5f5f5f60335af150${create}`, "12".repeat(32), "01"],
  ] as const) {
    const { contract } = await run(code + RETURN, id);
    const expected = keccak256(hex(id), hex(nonce.padStart(16, "0"))).subarray(12);
    expect(state.get(`c${contract}`)).toBe(toHex(expected).padStart(64, "0"));
  }
});

test("CREATE2 takes an address of 21 bytes", async () => {
  const { contract } = await run(`60075f5f5ff5${RETURN}`);
  const salt = "07".padStart(64, "0");
  const expected = keccak256(hex(`41${contract}`), hex(salt), keccak256(new Uint8Array())).subarray(12);
  expect(state.get(`c${contract}`)).toBe(toHex(expected).padStart(64, "0"));
});

test.each([
  ["REVERT", "5f5ffd"],
  ["ILLEGAL_OPERATION", "fe"],
  ["BAD_JUMP_DESTINATION", "5f56"],
  ["STACK_TOO_SMALL", "01"],
  ["OUT_OF_ENERGY", "5b5f56"],
])("a failure is named %s and changes nothing", async (result, code) => {
  const outcome = await run(code);
  expect(outcome.result).toBe(result);
  expect(outcome.logs).toEqual([]);
  expect(readAccount(state, OWNER)?.balance).toBe(1_000_000n);
  expect(state.keys("c")).toEqual([]);
});

test("a contract that destroys itself where it was made leaves nothing", async () => {
  // SSTORE, then SELFDESTRUCT to the owner.
  const { contract, result } = await run("60015f5533ff");
  expect(result).toBe("SUCCESS");
  expect([...state.keys(`a${contract}`), ...state.keys(`s${contract}`)]).toEqual([]);
});

test("what this EVM cannot do fails by itself, and the next call works", async () => {
  // CALL of the KZG precompile with 192 bytes.
  const outcome = await run("5f5f60c05f5f600a5af1");
  expect(outcome).toMatchObject({
    result: "UNKNOWN",
    energy: 1_000_000n,
    message: expect.stringContaining("kzg"),
  });
  expect(state.takeChanges().after).toEqual([]);
  expect((await run(`46${RETURN}`)).result).toBe("SUCCESS");
});

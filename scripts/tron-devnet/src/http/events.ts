import { type AbiEvent, decodeEventLog, type Hex, toEventSelector, toEventSignature } from "viem";
import type { Included } from "../chain/block.ts";
import { type Address, parseAddress, toBase58 } from "../protocol/address.ts";
import { isObject, type Json, type JsonObject } from "../protocol/json.ts";
import type { State } from "../vm/state.ts";
import type { View } from "./view.ts";

export const TRANSFER = toEventSelector("Transfer(address,address,uint256)").slice(2);

/** A log where it is. */
export interface PlacedLog {
  height: number;
  /** Ascending within the chain: what a page is continued from. */
  order: number;
  transactionId: string;
  /** The contract that the transaction called. */
  called: Address;
  /** Counts the logs of one transaction. */
  index: number;
  address: Address;
  topics: string[];
  data: string;
}

const PER_BLOCK = 1_000_000;

/** All logs up to the newest block that a view has, oldest first. */
export function* allLogs({ chain, head }: View): Generator<PlacedLog> {
  for (const height of chain.ledger.busyHeights()) {
    if (height > head) return;
    yield* logsOfBlock(height, chain.ledger.included(height));
  }
}

export function* logsOfBlock(height: number, included: readonly Included[]): Generator<PlacedLog> {
  let order = height * PER_BLOCK;
  for (const { transaction, info } of included) {
    const logs = (info.log ?? []) as { address: string; topics: string[]; data: string }[];
    const called = parseAddress(info.contract_address) ?? "";
    for (const [index, log] of logs.entries()) {
      yield { ...log, height, order: order++, transactionId: transaction.id, called, index };
    }
  }
}

/** A log as the event server shows it, decoded by the ABI that the contract was deployed with. */
export function eventJson(state: State, log: PlacedLog, time: number, isSolid: boolean): JsonObject {
  return {
    block_number: log.height,
    block_timestamp: time,
    caller_contract_address: toBase58(log.called),
    contract_address: toBase58(log.address),
    event_index: log.index,
    transaction_id: log.transactionId,
    ...decode(state, log),
    ...(!isSolid && { _unconfirmed: true }),
  };
}

function decode(state: State, { address, topics, data }: PlacedLog): JsonObject {
  const unknown = { event_name: "", result: {}, result_type: {} };
  const event = eventsOf(state, address).find((one) => toEventSelector(one).slice(2) === topics[0]);
  if (!event) return unknown;
  try {
    const { args } = decodeEventLog({
      abi: [event],
      topics: topics.map((topic): Hex => `0x${topic}`) as [Hex, ...Hex[]],
      data: `0x${data}`,
    });
    const result: JsonObject = {};
    const types: JsonObject = {};
    for (const [index, { name, type }] of event.inputs.entries()) {
      const value = (args as Record<string, unknown>)[name || index];
      result[index] = valueJson(type, value);
      if (name) [result[name], types[name]] = [valueJson(type, value), type];
    }
    return { event_name: event.name, event: toEventSignature(event), result, result_type: types };
  } catch {
    // The ABI is whatever the deployer said it was.
    return { ...unknown, event_name: event.name };
  }
}

/** The events of the ABI that is kept with a contract. */
function eventsOf(state: State, address: Address): AbiEvent[] {
  const known = JSON.parse(state.get(`m${address}`) ?? "{}") as { abi?: { entrys?: JsonObject[] } };
  return (known.abi?.entrys ?? [])
    .filter(({ type }) => type === "Event")
    .map(({ name, anonymous, inputs }) => ({
      type: "event",
      name: String(name ?? ""),
      anonymous: anonymous === true,
      inputs: (Array.isArray(inputs) ? inputs : []).filter(isObject).map((input) => ({
        name: String(input.name ?? ""),
        type: String(input.type ?? ""),
        indexed: input.indexed === true,
      })),
    }));
}

/** Addresses with 0x, other bytes without, numbers in decimal. */
function valueJson(type: string, value: unknown): Json {
  if (Array.isArray(value)) return value.map((item) => valueJson(type.replace(/\[\d*\]$/, ""), item));
  const text = String(value);
  if (type === "address") return text.toLowerCase();
  return type.startsWith("bytes") ? text.replace(/^0x/, "") : text;
}

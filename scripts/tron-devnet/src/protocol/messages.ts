import type { Field, Schema } from "./protobuf.ts";

/**
 * Tron's messages, as far as this devnet understands them.
 * Source: https://github.com/tronprotocol/protocol (core/Tron.proto, core/contract/*.proto)
 */

const int = (number: number, name: string): Field => ({ number, name, type: "int" });
const bool = (number: number, name: string): Field => ({ number, name, type: "bool" });
const bytes = (number: number, name: string): Field => ({ number, name, type: "bytes" });
const text = (number: number, name: string): Field => ({ number, name, type: "text" });
const message = (number: number, name: string, schema: Schema): Field => ({
  number,
  name,
  type: "message",
  schema,
});
const oneOf = (number: number, name: string, names: Record<number, string>): Field => ({
  number,
  name,
  type: "int",
  names,
});
const many = (field: Field): Field => ({ ...field, repeated: true });

const ABI_PARAM: Schema = [bool(1, "indexed"), text(2, "name"), text(3, "type")];

const ABI_ENTRY: Schema = [
  bool(1, "anonymous"),
  bool(2, "constant"),
  text(3, "name"),
  many(message(4, "inputs", ABI_PARAM)),
  many(message(5, "outputs", ABI_PARAM)),
  oneOf(6, "type", {
    0: "UnknownEntryType",
    1: "Constructor",
    2: "Function",
    3: "Event",
    4: "Fallback",
    5: "Receive",
    6: "Error",
  }),
  bool(7, "payable"),
  oneOf(8, "stateMutability", {
    0: "UnknownMutabilityType",
    1: "Pure",
    2: "View",
    3: "Nonpayable",
    4: "Payable",
  }),
];

export const ABI: Schema = [many(message(1, "entrys", ABI_ENTRY))];

export const SMART_CONTRACT: Schema = [
  bytes(1, "origin_address"),
  bytes(2, "contract_address"),
  message(3, "abi", ABI),
  bytes(4, "bytecode"),
  int(5, "call_value"),
  int(6, "consume_user_resource_percent"),
  text(7, "name"),
  int(8, "origin_energy_limit"),
  bytes(9, "code_hash"),
  bytes(10, "trx_hash"),
  int(11, "version"),
];

/** The contracts (what others call operations) that can be in a transaction, by name. */
export const CONTRACTS: Record<string, { type: bigint; schema: Schema }> = {
  TransferContract: {
    type: 1n,
    schema: [bytes(1, "owner_address"), bytes(2, "to_address"), int(3, "amount")],
  },
  CreateSmartContract: {
    type: 30n,
    schema: [
      bytes(1, "owner_address"),
      message(2, "new_contract", SMART_CONTRACT),
      int(3, "call_token_value"),
      int(4, "token_id"),
    ],
  },
  TriggerSmartContract: {
    type: 31n,
    schema: [
      bytes(1, "owner_address"),
      bytes(2, "contract_address"),
      int(3, "call_value"),
      bytes(4, "data"),
      int(5, "call_token_value"),
      int(6, "token_id"),
    ],
  },
};

const ANY: Schema = [text(1, "type_url"), bytes(2, "value")];

export const CONTRACT: Schema = [
  oneOf(
    1,
    "type",
    Object.fromEntries(Object.entries(CONTRACTS).map(([name, { type }]) => [Number(type), name])),
  ),
  message(2, "parameter", ANY),
  bytes(3, "provider"),
  bytes(4, "ContractName"),
  int(5, "Permission_id"),
];

export const RAW_DATA: Schema = [
  bytes(1, "ref_block_bytes"),
  int(3, "ref_block_num"),
  bytes(4, "ref_block_hash"),
  int(8, "expiration"),
  bytes(10, "data"),
  many(message(11, "contract", CONTRACT)),
  bytes(12, "scripts"),
  int(14, "timestamp"),
  int(18, "fee_limit"),
];

const RESULT: Schema = [int(1, "fee"), int(2, "ret"), int(3, "contractRet")];

export const TRANSACTION: Schema = [
  bytes(1, "raw_data"),
  many(bytes(2, "signature")),
  many(message(5, "ret", RESULT)),
];

export const BLOCK_HEADER: Schema = [
  int(1, "timestamp"),
  bytes(2, "txTrieRoot"),
  bytes(3, "parentHash"),
  int(7, "number"),
  bytes(9, "witness_address"),
  int(10, "version"),
];

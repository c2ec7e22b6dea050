import type { Address, Hex } from "viem";

/** What a transaction's bytes say, whatever the JSON beside them says. */
export interface SignedCall {
  owner: Address;
  to: Address;
  data: Hex;
  /** Sun that goes along. */
  value: bigint;
  /** Sun that it may cost in energy. */
  feeLimit: bigint;
}

const TRIGGER_SMART_CONTRACT = 31n;
const notACall = () => new Error("This transaction is not a call of a contract.");

/**
 * Reads `raw_data_hex` of a TriggerSmartContract transaction: what is signed is these bytes.
 * Source: https://github.com/tronprotocol/protocol (core/Tron.proto, core/contract/smart_contract.proto)
 * @throws Error for anything else
 */
export function readCall(rawDataHex: string): SignedCall {
  const raw = fieldsOf(rawDataHex);
  const contract = fieldsOf(textOf(raw, 11));
  if (numberOf(contract, 1) !== TRIGGER_SMART_CONTRACT) throw notACall();
  const call = fieldsOf(textOf(fieldsOf(textOf(contract, 2)), 2));
  return {
    owner: addressOf(textOf(call, 1)),
    to: addressOf(textOf(call, 2)),
    value: numberOf(call, 3),
    data: `0x${call.has(4) ? textOf(call, 4) : ""}`,
    feeLimit: numberOf(raw, 18),
  };
}

type Fields = Map<number, bigint | string>;

/** A protobuf message's fields: numbers, and what has a length as hex. One that is there twice is no message of ours. */
function fieldsOf(hex: string): Fields {
  if (!/^(?:[0-9a-f]{2})*$/i.test(hex)) throw notACall();
  const fields: Fields = new Map();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = Number.parseInt(hex.slice(at, at + 2), 16);
      at += 2;
      if (Number.isNaN(byte)) throw notACall();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw notACall();
  };
  while (at < hex.length) {
    const tag = Number(varint());
    const field = tag >> 3;
    if (fields.has(field)) throw notACall();
    if ((tag & 7) === 0) fields.set(field, varint());
    else if ((tag & 7) === 2) {
      const end = Number(varint()) * 2 + at;
      if (end > hex.length) throw notACall();
      fields.set(field, hex.slice(at, end));
      at = end;
    } else throw notACall();
  }
  return fields;
}

const numberOf = (fields: Fields, field: number): bigint => {
  const value = fields.get(field) ?? 0n;
  if (typeof value !== "bigint") throw notACall();
  return value;
};

const textOf = (fields: Fields, field: number): string => {
  const value = fields.get(field);
  if (typeof value !== "string") throw notACall();
  return value;
};

function addressOf(hex: string): Address {
  if (!/^41[0-9a-f]{40}$/i.test(hex)) throw notACall();
  return `0x${hex.slice(2).toLowerCase()}`;
}

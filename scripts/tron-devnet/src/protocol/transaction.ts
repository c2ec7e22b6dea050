import type { Address } from "./address.ts";
import { addressFromBytes } from "./address.ts";
import { sha256 } from "./crypto.ts";
import { fromHex, toHex } from "./hex.ts";
import { isObject, type Json, type JsonObject, messageFromJson, messageToJson } from "./json.ts";
import { CONTRACTS, RAW_DATA, TRANSACTION } from "./messages.ts";
import { decode, encode, type Message, ProtobufError } from "./protobuf.ts";

const TYPE_URL = "type.googleapis.com/protocol.";

/** What was signed, who signed, and what it asks for. */
export interface Transaction {
  /** sha256 of `raw`, in hexadecimal. */
  id: string;
  /** The encoded `raw_data`. */
  raw: Uint8Array;
  signatures: Uint8Array[];
  /** Decoded from `raw`. */
  data: {
    refBlockBytes: string;
    refBlockHash: string;
    /** Milliseconds since 1970. */
    expiration: number;
    /** Sun; 0 if the transaction names none. */
    feeLimit: bigint;
  };
  contract: { name: string; owner: Address; value: Message };
}

/** It is not a transaction, or its parts contradict each other. */
export class TransactionFormatError extends Error {
  override name = "TransactionFormatError";
}

/**
 * Reads an encoded `raw_data`, which must be written canonically: what it decodes to must encode to the same bytes.
 * @throws {TransactionFormatError}
 */
export function readTransaction(raw: Uint8Array, signatures: Uint8Array[]): Transaction {
  const data = attempt(() => decode(RAW_DATA, raw));
  requireSame(encode(RAW_DATA, data), raw, "raw_data is not written canonically");
  const contracts = (data.contract ?? []) as Message[];
  const [contract] = contracts;
  if (!contract || contracts.length !== 1) throw new TransactionFormatError("A transaction has one contract");
  const { name, value } = readContract(contract);
  const owner = addressFromBytes((value.owner_address as Uint8Array | undefined) ?? new Uint8Array());
  if (!owner) throw new TransactionFormatError("Invalid ownerAddress");
  return {
    id: toHex(sha256(raw)),
    raw,
    signatures,
    data: {
      refBlockBytes: toHex((data.ref_block_bytes as Uint8Array | undefined) ?? new Uint8Array()),
      refBlockHash: toHex((data.ref_block_hash as Uint8Array | undefined) ?? new Uint8Array()),
      expiration: Number(data.expiration ?? 0n),
      feeLimit: (data.fee_limit as bigint | undefined) ?? 0n,
    },
    contract: { name, owner, value },
  };
}

function readContract(contract: Message): { name: string; value: Message } {
  const parameter = (contract.parameter ?? {}) as Message;
  const url = (parameter.type_url as string | undefined) ?? "";
  const name = url.slice(TYPE_URL.length);
  const known = CONTRACTS[name];
  if (!url.startsWith(TYPE_URL) || !known) {
    throw new TransactionFormatError(`tron-devnet does not know the contract ${url || "without a type"}`);
  }
  if (contract.type !== known.type) throw new TransactionFormatError(`The contract's type is not ${name}`);
  const bytes = (parameter.value as Uint8Array | undefined) ?? new Uint8Array();
  const value = attempt(() => decode(known.schema, bytes));
  requireSame(encode(known.schema, value), bytes, `${name} is not written canonically`);
  return { name, value };
}

/** Encodes a `raw_data` in JSON. @throws {TransactionFormatError} */
export function encodeRawData(json: Json | undefined): Uint8Array {
  if (!isObject(json) || !Array.isArray(json.contract)) throw new TransactionFormatError("No raw_data");
  const contract = json.contract.map((item) => {
    const parameter = isObject(item) && isObject(item.parameter) ? item.parameter : {};
    const url = typeof parameter.type_url === "string" ? parameter.type_url : "";
    const known = CONTRACTS[url.slice(TYPE_URL.length)];
    if (!known) {
      throw new TransactionFormatError(`tron-devnet does not know the contract ${url || "without a type"}`);
    }
    const value = attempt(() => encode(known.schema, messageFromJson(known.schema, parameter.value)));
    return { ...(item as JsonObject), parameter: { type_url: url, value: toHex(value) } };
  });
  return attempt(() => encode(RAW_DATA, messageFromJson(RAW_DATA, { ...json, contract })));
}

/**
 * A signed transaction in JSON. `raw_data` is encoded again: `raw_data_hex` and `txID` must agree with it.
 * @throws {TransactionFormatError}
 */
export function transactionFromJson(json: JsonObject): Transaction {
  const raw = encodeRawData(json.raw_data);
  if (json.raw_data_hex !== undefined) {
    const claimed = fromHex(json.raw_data_hex);
    if (!claimed) throw new TransactionFormatError("raw_data_hex is not hexadecimal");
    requireSame(claimed, raw, "raw_data_hex is not what raw_data encodes to");
  }
  if (json.txID !== undefined && String(json.txID).toLowerCase() !== toHex(sha256(raw))) {
    throw new TransactionFormatError("txID is not the hash of raw_data");
  }
  return readTransaction(raw, signaturesFromJson(json.signature));
}

function signaturesFromJson(json: Json | undefined): Uint8Array[] {
  if (json === undefined) return [];
  if (!Array.isArray(json)) throw new TransactionFormatError("signature is not a list");
  return json.map((signature) => {
    const bytes = fromHex(signature);
    if (!bytes) throw new TransactionFormatError("A signature is not hexadecimal");
    return bytes;
  });
}

/** A signed transaction as bytes. @throws {TransactionFormatError} */
export function transactionFromBytes(bytes: Uint8Array): Transaction {
  const message = attempt(() => decode(TRANSACTION, bytes));
  return readTransaction(
    (message.raw_data as Uint8Array | undefined) ?? new Uint8Array(),
    (message.signature as Uint8Array[] | undefined) ?? [],
  );
}

/** The signed transaction as bytes, without its result. */
export function transactionToBytes({ raw, signatures }: Transaction): Uint8Array {
  return encode(TRANSACTION, { raw_data: raw, signature: signatures });
}

/** As a node shows it. */
export function transactionToJson({ id, raw, signatures, contract }: Transaction): JsonObject {
  const data = decode(RAW_DATA, raw);
  const [message] = data.contract as [Message];
  const shown = messageToJson(RAW_DATA, { ...data, contract: undefined });
  const { schema } = CONTRACTS[contract.name] as { schema: typeof RAW_DATA };
  const { Permission_id } = message;
  return {
    visible: false,
    ...(signatures.length > 0 && { signature: signatures.map(toHex) }),
    txID: id,
    raw_data: {
      contract: [
        {
          parameter: {
            value: messageToJson(schema, contract.value),
            type_url: `${TYPE_URL}${contract.name}`,
          },
          type: contract.name,
          ...(Permission_id ? { Permission_id: Number(Permission_id) } : {}),
        },
      ],
      ...shown,
    },
    raw_data_hex: toHex(raw),
  };
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ProtobufError) throw new TransactionFormatError(error.message);
    throw error;
  }
}

function requireSame(found: Uint8Array, wanted: Uint8Array, message: string) {
  if (Buffer.compare(found, wanted) !== 0) throw new TransactionFormatError(message);
}

import { type Client, type Hex, hexToBytes, sha256 } from "viem";
import { tronHead } from "./blocks.ts";
import { nodeAddress } from "./calls.ts";
import { type AskTron, askTron, isObject, textOf } from "./node.ts";

/** What a transaction does, by its name; the number is that among a transaction's types. */
const TYPES = { TransferContract: 1, TriggerSmartContract: 31 } as const;
const typeUrl = (type: keyof typeof TYPES): string => `type.googleapis.com/protocol.${type}`;

/** A call of a contract, or a transfer of TRX, as wallets sign it and nodes take it. */
export interface TronTransaction {
  visible: false;
  /** SHA-256 of `raw_data_hex`: what is signed. 32 bytes of hex without `0x`. */
  txID: string;
  raw_data: {
    contract: [
      {
        parameter: {
          value:
            | { owner_address: string; contract_address: string; data: string }
            | { owner_address: string; to_address: string; amount: number };
          type_url: string;
        };
        type: keyof typeof TYPES;
      },
    ];
    ref_block_bytes: string;
    ref_block_hash: string;
    /** Milliseconds since 1970; a whole second. */
    expiration: number;
    timestamp: number;
    /** Sun that it may cost in energy; a transfer of TRX takes none. */
    fee_limit?: number;
  };
  raw_data_hex: string;
}

export interface SignedTronTransaction extends TronTransaction {
  signature: string[];
}

export interface TronCall {
  /** Addresses in any form. */
  from: string;
  to: string;
  data: Hex;
  /** Sun that it may cost in energy, from `estimateTronFee`. */
  feeLimit: bigint;
  /** How long after the newest block it can be taken, in milliseconds; a minute if not told, a day at most. */
  expirationMs?: number;
  /** Instead of `expirationMs`: until when, in milliseconds since 1970. A whole second. */
  expiresAt?: number;
}

const LIFETIME_MS = 60_000;
const LONGEST_MS = 24 * 3600 * 1000;

/** Of the last transaction built: no two are alike, even in one millisecond. */
let newest = 0;

/**
 * Builds the transaction that calls a contract, here and not at the node, so that nothing else is signed than what is
 * asked for. It refers to the newest solid block, which no reorganisation replaces.
 * @throws viem's errors when the node does not answer, TronAddressError, RangeError for a fee limit or a lifetime that
 * no node takes
 */
export async function buildTronCall({
  from,
  to,
  data,
  feeLimit,
  expirationMs = LIFETIME_MS,
  expiresAt,
  ...node
}: TronCall & ({ url: string } | { client: Client })): Promise<TronTransaction> {
  if (feeLimit <= 0n || feeLimit > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`Not a fee limit: ${feeLimit} sun`);
  }
  const value = {
    owner_address: nodeAddress(from),
    contract_address: nodeAddress(to),
    data: data.slice(2).toLowerCase(),
  };
  const ask = askTron("url" in node ? node.url : node.client);
  const frame = await frameOf(ask, expirationMs, expiresAt);
  return assemble({
    contract: [
      { parameter: { value, type_url: typeUrl("TriggerSmartContract") }, type: "TriggerSmartContract" },
    ],
    ...frame,
    fee_limit: Number(feeLimit),
  });
}

/**
 * Builds the transaction that sends TRX, here and not at the node.
 * @param sun how much, in millionths of a TRX
 * @throws as {@link buildTronCall}, RangeError for an amount that no node takes
 */
export async function buildTronTransfer({
  client,
  from,
  to,
  sun,
}: {
  client: Client;
  from: string;
  to: string;
  sun: bigint;
}): Promise<TronTransaction> {
  if (sun <= 0n || sun > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`Not an amount: ${sun} sun`);
  const value = { owner_address: nodeAddress(from), to_address: nodeAddress(to), amount: Number(sun) };
  const frame = await frameOf(askTron(client), LIFETIME_MS);
  const parameter = { value, type_url: typeUrl("TransferContract") };
  return assemble({ contract: [{ parameter, type: "TransferContract" }], ...frame });
}

/** What every transaction has: the block that it refers to, and when it was made and expires. */
async function frameOf(ask: AskTron, expirationMs: number, expiresAt?: number) {
  if (!(expirationMs >= 1000 && expirationMs < LONGEST_MS)) {
    throw new RangeError(`Not a lifetime: ${expirationMs} ms`);
  }
  const [head, solid] = await Promise.all([tronHead(ask), tronHead(ask, true)]);
  newest = Math.max(Date.now(), newest + 1);
  return {
    ref_block_bytes: solid.id.slice(14, 18),
    ref_block_hash: solid.id.slice(18, 34),
    expiration: expiresAt ?? Math.floor((head.time + expirationMs) / 1000) * 1000,
    timestamp: newest,
  };
}

function assemble(raw: TronTransaction["raw_data"]): TronTransaction {
  const hex = encode(raw);
  return {
    visible: false,
    txID: sha256(`0x${hex}`).slice(2),
    raw_data: raw,
    raw_data_hex: hex,
  };
}

/**
 * `raw_data` in protobuf, with the numbers of its fields in ascending order and nothing that is a default.
 * Source: https://github.com/tronprotocol/protocol (core/Tron.proto, core/contract/{smart,balance}_contract.proto)
 */
function encode({ contract: [contract], ...raw }: TronTransaction["raw_data"]): string {
  const { value, type_url } = contract.parameter;
  const own =
    "data" in value
      ? bytes(2, value.contract_address) + bytes(4, value.data)
      : bytes(2, value.to_address) + int(3, value.amount);
  const parameter = bytes(1, hexOf(type_url)) + bytes(2, bytes(1, value.owner_address) + own);
  return (
    bytes(1, raw.ref_block_bytes) +
    bytes(4, raw.ref_block_hash) +
    int(8, raw.expiration) +
    bytes(11, int(1, TYPES[contract.type]) + bytes(2, parameter)) +
    int(14, raw.timestamp) +
    (raw.fee_limit === undefined ? "" : int(18, raw.fee_limit))
  );
}

const hexOf = (text: string): string =>
  Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, "0")).join("");

function varint(value: number): string {
  let hex = "";
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) hex += (Number(rest & 0x7fn) | 0x80).toString(16);
  return hex + Number(rest).toString(16).padStart(2, "0");
}

const int = (field: number, value: number): string => varint(field << 3) + varint(value);

const bytes = (field: number, hex: string): string =>
  hex === "" ? "" : varint((field << 3) | 2) + varint(hexToBytes(`0x${hex}`).length) + hex;

/** The node does not take a transaction. */
export class TronBroadcastError extends Error {
  override name = "TronBroadcastError";
  /** Such as `SIGERROR`, `TAPOS_ERROR`, `TRANSACTION_EXPIRATION_ERROR`, `CONTRACT_VALIDATE_ERROR`, `BANDWITH_ERROR`. */
  readonly code: string;
  constructor(code: string, message: string) {
    super(message === "" ? code : `${code}: ${message}`);
    this.code = code;
  }
}

/**
 * Sends a transaction. One that the node has already counts as sent.
 * @param node its address, or a client over `tronTransport`
 * @returns its id, `0x` and 32 bytes
 * @throws TronBroadcastError when the node refuses it, viem's errors when it does not answer
 */
export async function broadcastTron(node: string | Client, signed: SignedTronTransaction): Promise<Hex> {
  const answer = await askTron(node)("wallet/broadcasttransaction", { ...signed });
  const { result, code, message } = isObject(answer) ? answer : {};
  if (result !== true && code !== "DUP_TRANSACTION_ERROR") {
    throw new TronBroadcastError(typeof code === "string" ? code : "NO_ANSWER", textOf(message));
  }
  return `0x${signed.txID}`;
}

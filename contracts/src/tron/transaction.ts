import { type Client, type Hex, hexToBytes, sha256 } from "viem";
import { tronHead } from "./blocks.ts";
import { nodeAddress } from "./calls.ts";
import { askTron, isObject, textOf } from "./node.ts";

const TYPE_URL = "type.googleapis.com/protocol.TriggerSmartContract";

/** Number of TriggerSmartContract among a transaction's types. */
const TRIGGER = 31;

/** A call of a contract as wallets sign it and nodes take it. */
export interface TronTransaction {
  visible: false;
  /** SHA-256 of `raw_data_hex`: what is signed. 32 bytes of hex without `0x`. */
  txID: string;
  raw_data: {
    contract: [
      {
        parameter: {
          value: { owner_address: string; contract_address: string; data: string };
          type_url: string;
        };
        type: "TriggerSmartContract";
      },
    ];
    ref_block_bytes: string;
    ref_block_hash: string;
    /** Milliseconds since 1970; a whole second. */
    expiration: number;
    timestamp: number;
    /** Sun that it may cost in energy. */
    fee_limit: number;
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
  ...node
}: TronCall & ({ url: string } | { client: Client })): Promise<TronTransaction> {
  if (feeLimit <= 0n || feeLimit > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`Not a fee limit: ${feeLimit} sun`);
  }
  if (!(expirationMs >= 1000 && expirationMs < LONGEST_MS)) {
    throw new RangeError(`Not a lifetime: ${expirationMs} ms`);
  }
  const value = {
    owner_address: nodeAddress(from),
    contract_address: nodeAddress(to),
    data: data.slice(2).toLowerCase(),
  };
  const ask = askTron("url" in node ? node.url : node.client);
  const [head, solid] = await Promise.all([tronHead(ask), tronHead(ask, true)]);
  newest = Math.max(Date.now(), newest + 1);
  return assemble({
    contract: [{ parameter: { value, type_url: TYPE_URL }, type: "TriggerSmartContract" }],
    ref_block_bytes: solid.id.slice(14, 18),
    ref_block_hash: solid.id.slice(18, 34),
    expiration: Math.floor((head.time + expirationMs) / 1000) * 1000,
    timestamp: newest,
    fee_limit: Number(feeLimit),
  });
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
 * Source: https://github.com/tronprotocol/protocol (core/Tron.proto, core/contract/smart_contract.proto)
 */
function encode({ contract: [contract], ...raw }: TronTransaction["raw_data"]): string {
  const { value } = contract.parameter;
  const call = bytes(1, value.owner_address) + bytes(2, value.contract_address) + bytes(4, value.data);
  const parameter = bytes(1, hexOf(TYPE_URL)) + bytes(2, call);
  return (
    bytes(1, raw.ref_block_bytes) +
    bytes(4, raw.ref_block_hash) +
    int(8, raw.expiration) +
    bytes(11, int(1, TRIGGER) + bytes(2, parameter)) +
    int(14, raw.timestamp) +
    int(18, raw.fee_limit)
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

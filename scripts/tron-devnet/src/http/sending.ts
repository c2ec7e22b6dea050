import { BroadcastError } from "../chain/errors.ts";
import { type Address, nodeAddress } from "../protocol/address.ts";
import { recoverSigner } from "../protocol/crypto.ts";
import { fromHex, hexOfText } from "../protocol/hex.ts";
import type { JsonObject } from "../protocol/json.ts";
import {
  encodeRawData,
  readTransaction,
  type Transaction,
  TransactionFormatError,
  transactionFromBytes,
  transactionFromJson,
  transactionToJson,
} from "../protocol/transaction.ts";
import { addressParam, type Handler, intParam } from "./request.ts";
import type { View } from "./view.ts";

/** How long a transaction that the node builds is good for, in milliseconds. */
const LIFETIME = 60_000;

/** Of the last transaction built: no two are alike, even in one millisecond. */
let newest = 0;

/** The questions that build a transaction or send one. */
export const sendingHandlers: Record<string, Handler> = {
  broadcasttransaction: ({ params, view }) => broadcast(view, () => transactionFromJson(params)),

  broadcasthex: async ({ params, view }) => {
    let transaction: Transaction | undefined;
    const answer = await broadcast(view, () => {
      const bytes = fromHex(params.transaction);
      if (!bytes) throw new TransactionFormatError("transaction is not hexadecimal");
      transaction = transactionFromBytes(bytes);
      return transaction;
    });
    // As text within the JSON, as a node has it.
    return { ...answer, ...(transaction && { transaction: JSON.stringify(transactionToJson(transaction)) }) };
  },

  // Clients that changed a raw_data ask this for its new id.
  getsignweight: ({ params }) => {
    const { raw_data, signature } = params;
    const transaction = transactionFromJson({ raw_data, signature });
    const { owner } = transaction.contract;
    const signed = isSignedBy(transaction, owner);
    return {
      result: signed ? {} : { code: "NOT_ENOUGH_PERMISSION" },
      approved_list: signed ? [nodeAddress(owner)] : [],
      permission: {
        permission_name: "owner",
        threshold: 1,
        keys: [{ address: nodeAddress(owner), weight: 1 }],
      },
      ...(signed && { current_weight: 1 }),
      transaction: {
        result: { result: true },
        txid: transaction.id,
        transaction: transactionToJson(transaction),
      },
    };
  },

  getapprovedlist: ({ params }) => {
    const { raw_data, signature } = params;
    const transaction = transactionFromJson({ raw_data, signature });
    const id = fromHex(transaction.id) as Uint8Array;
    const signers = transaction.signatures.map((bytes) => recoverSigner(id, bytes));
    return {
      result: signers.includes(null) ? { code: "SIGNATURE_FORMAT_ERROR" } : {},
      approved_list: signers.filter((signer) => signer !== null).map(nodeAddress),
      transaction: {
        result: { result: true },
        txid: transaction.id,
        transaction: transactionToJson(transaction),
      },
    };
  },

  createtransaction: ({ params, view }) =>
    buildTransaction(view, "TransferContract", {
      owner_address: nodeAddress(addressParam(params, "owner_address")),
      to_address: nodeAddress(addressParam(params, "to_address")),
      amount: intParam(params, "amount"),
    }),
};

async function broadcast(view: View, read: () => Transaction): Promise<JsonObject> {
  let transaction: Transaction | undefined;
  try {
    transaction = read();
    await view.chain.broadcast(transaction, view.head);
    return { result: true, txid: transaction.id };
  } catch (error) {
    if (error instanceof BroadcastError) {
      return { code: error.code, txid: transaction?.id, message: hexOfText(error.message) };
    }
    // What was signed is not what was sent: a node finds that the signature does not fit.
    if (error instanceof TransactionFormatError) {
      return { code: "SIGERROR", message: hexOfText(`Validate signature error: ${error.message}`) };
    }
    throw error;
  }
}

/** A transaction on top of the newest block, for the client to sign. */
export function buildTransaction(
  view: View,
  contract: string,
  value: JsonObject,
  { feeLimit = 0, permission = 0 } = {},
): JsonObject {
  const { ledger } = view.chain;
  const id = ledger.idHex(view.head);
  newest = Math.max(Date.now(), newest + 1);
  const raw = encodeRawData({
    contract: [
      {
        parameter: { value, type_url: `type.googleapis.com/protocol.${contract}` },
        type: contract,
        ...(permission > 0 && { Permission_id: permission }),
      },
    ],
    ref_block_bytes: id.slice(12, 16),
    ref_block_hash: id.slice(16, 32),
    expiration: ledger.header(view.head).time + LIFETIME,
    timestamp: newest,
    ...(feeLimit > 0 && { fee_limit: feeLimit }),
  });
  return transactionToJson(readTransaction(raw, []));
}

function isSignedBy({ id, signatures }: Transaction, owner: Address): boolean {
  return signatures.some((signature) => recoverSigner(fromHex(id) as Uint8Array, signature) === owner);
}

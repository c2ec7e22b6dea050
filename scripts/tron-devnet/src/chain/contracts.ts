import { type Address, addressFromBytes } from "../protocol/address.ts";
import type { Message } from "../protocol/protobuf.ts";
import type { Transaction } from "../protocol/transaction.ts";
import { readAccount } from "../vm/accounts.ts";
import type { State } from "../vm/state.ts";
import { BroadcastError } from "./errors.ts";
import { ACTIVATION_FEE, activates, type Bandwidth } from "./fees.ts";

/** The most that a fee limit can be, in sun. */
export const MAX_FEE_LIMIT = 15_000_000_000n;

/** What a transaction asks for, read out of its contract. */
export type Operation =
  | { kind: "transfer"; to: Address; amount: bigint }
  | { kind: "trigger"; to: Address; value: bigint; data: Uint8Array }
  | { kind: "create"; value: bigint; data: Uint8Array; contract: Message };

/** @throws {BroadcastError} */
export function operationOf({ contract: { name, value } }: Transaction): Operation {
  const bytes = (field: string) => (value[field] as Uint8Array | undefined) ?? new Uint8Array();
  if (value.call_token_value || value.token_id)
    throw refused("TRC-10 tokens are not supported by tron-devnet");
  if (name === "TransferContract") {
    const to = addressFromBytes(bytes("to_address"));
    if (!to) throw refused("Validate TransferContract error, Invalid toAddress!");
    return { kind: "transfer", to, amount: (value.amount as bigint | undefined) ?? 0n };
  }
  if (name === "TriggerSmartContract") {
    const to = addressFromBytes(bytes("contract_address"));
    if (!to) throw refused("No contract or not a valid smart contract");
    return {
      kind: "trigger",
      to,
      value: (value.call_value as bigint | undefined) ?? 0n,
      data: bytes("data"),
    };
  }
  const contract = (value.new_contract as Message | undefined) ?? {};
  return {
    kind: "create",
    value: (contract.call_value as bigint | undefined) ?? 0n,
    data: (contract.bytecode as Uint8Array | undefined) ?? new Uint8Array(),
    contract,
  };
}

/**
 * What a node checks before it runs a contract, on the current state.
 * @throws {BroadcastError}
 */
export function validateOperation(state: State, transaction: Transaction, bandwidth: Bandwidth) {
  const operation = operationOf(transaction);
  const { owner } = transaction.contract;
  const balance = (readAccount(state, owner)?.balance ?? 0n) - bandwidth.fee;
  if (operation.kind === "transfer") {
    const { to, amount } = operation;
    const invalid = (reason: string) => refused(`Validate TransferContract error, ${reason}`);
    if (to === owner) throw invalid("cannot transfer TRX to yourself.");
    if (amount <= 0n) throw invalid("amount must be greater than 0.");
    if (state.get(`c${to}`)) throw invalid("cannot transfer TRX to a smartContract.");
    const fee = activates(state, transaction) ? ACTIVATION_FEE : 0n;
    if (balance < amount + fee) throw invalid("balance is not sufficient.");
    return;
  }
  const { feeLimit } = transaction.data;
  if (feeLimit < 0n || feeLimit > MAX_FEE_LIMIT)
    throw refused(`feeLimit must be >= 0 and <= ${MAX_FEE_LIMIT}`);
  if (operation.value < 0n) throw refused("callValue must be >= 0");
  if (operation.kind === "trigger" && !state.get(`c${operation.to}`)) {
    throw refused("No contract or not a valid smart contract");
  }
  if (operation.kind === "create") {
    const origin = operation.contract.origin_address as Uint8Array | undefined;
    if (!origin || addressFromBytes(origin) !== owner) {
      throw refused("OwnerAddress is not equals OriginAddress");
    }
    const percent = (operation.contract.consume_user_resource_percent as bigint | undefined) ?? 0n;
    if (percent < 0n || percent > 100n) throw refused("percent must be >= 0 and <= 100");
  }
  if (balance < operation.value) throw refused("Validate InternalTransfer error, balance is not sufficient.");
}

const refused = (reason: string) =>
  new BroadcastError("CONTRACT_VALIDATE_ERROR", `Contract validate error : ${reason}`);

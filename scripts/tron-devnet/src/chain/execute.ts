import { type Address, addressBytes, nodeAddress } from "../protocol/address.ts";
import { hexOfText, toHex } from "../protocol/hex.ts";
import type { JsonObject } from "../protocol/json.ts";
import { messageToJson } from "../protocol/json.ts";
import { SMART_CONTRACT } from "../protocol/messages.ts";
import type { Transaction } from "../protocol/transaction.ts";
import { credit, debit, readAccount } from "../vm/accounts.ts";
import { type BlockContext, ENERGY_PRICE, type Outcome, type TronEvm } from "../vm/evm.ts";
import type { State } from "../vm/state.ts";
import { type Operation, operationOf } from "./contracts.ts";
import { ACTIVATION_FEE, activates, type Bandwidth, chargeBandwidth } from "./fees.ts";

/** How a transaction ended, as `gettransactioninfobyid` shows it. */
export interface Receipt {
  /** What its `ret` says: SUCCESS, REVERT, OUT_OF_ENERGY, … */
  result: string;
  info: JsonObject;
}

/** Runs a transaction that was found valid, on the current state, and charges for it. */
export async function execute(
  state: State,
  evm: TronEvm,
  transaction: Transaction,
  bandwidth: Bandwidth,
  block: BlockContext,
): Promise<Receipt> {
  const { owner } = transaction.contract;
  const operation = operationOf(transaction);
  const common = { id: transaction.id, blockNumber: block.number, blockTimeStamp: block.time };
  const net = bandwidth.fee > 0n ? { net_fee: Number(bandwidth.fee) } : { net_usage: bandwidth.used };
  if (operation.kind === "transfer") {
    const fee = activates(state, transaction) ? ACTIVATION_FEE : 0n;
    chargeBandwidth(state, owner, bandwidth, block.time);
    debit(state, owner, operation.amount + fee);
    credit(state, operation.to, operation.amount, block.time);
    const total = Number(fee + bandwidth.fee);
    return {
      result: "SUCCESS",
      info: { ...common, ...(total > 0 && { fee: total }), contractResult: [""], receipt: net },
    };
  }
  chargeBandwidth(state, owner, bandwidth, block.time);
  const outcome = await evm.run({
    transactionId: transaction.id,
    caller: owner,
    ...(operation.kind === "trigger" && { to: operation.to }),
    value: operation.value,
    data: operation.data,
    energyLimit: energyLimit(state, owner, operation.value, transaction.data.feeLimit),
    block,
  });
  const energyFee = outcome.energy * ENERGY_PRICE;
  debit(state, owner, energyFee);
  if (operation.kind === "create" && outcome.result === "SUCCESS") {
    rememberContract(state, owner, operation, outcome, transaction);
  }
  const failed = outcome.result !== "SUCCESS";
  const fee = Number(energyFee + bandwidth.fee);
  return {
    result: outcome.result,
    info: {
      ...common,
      ...(fee > 0 && { fee }),
      contractResult: [
        operation.kind === "create" && !failed
          ? (state.get(`c${outcome.contract}`) ?? "")
          : toHex(outcome.returned),
      ],
      contract_address: nodeAddress(outcome.contract),
      receipt: {
        ...(energyFee > 0n && { energy_fee: Number(energyFee) }),
        ...(outcome.energy > 0n && { energy_usage_total: Number(outcome.energy) }),
        ...net,
        result: outcome.result,
      },
      ...(outcome.logs.length > 0 && { log: outcome.logs }),
      ...(failed && { result: "FAILED", resMessage: hexOfText(outcome.message) }),
    },
  };
}

/** What a sender can pay for: the fee limit or its balance, whichever is less, at the price of energy. */
function energyLimit(state: State, owner: Address, value: bigint, feeLimit: bigint): bigint {
  const balance = (readAccount(state, owner)?.balance ?? 0n) - value;
  return (balance < feeLimit ? balance : feeLimit) / ENERGY_PRICE;
}

function rememberContract(
  state: State,
  owner: Address,
  { contract }: Operation & { kind: "create" },
  { contract: address }: Outcome,
  { id }: Transaction,
) {
  const known = {
    ...contract,
    origin_address: addressBytes(owner),
    contract_address: addressBytes(address),
    trx_hash: Buffer.from(id, "hex"),
  };
  state.set(`m${address}`, JSON.stringify(messageToJson(SMART_CONTRACT, known)));
}

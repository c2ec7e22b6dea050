import { numberToHex } from "viem";
import { tronAddress } from "../tronAddress.ts";
import { readBlock } from "./blocks.ts";
import { type AskTron, isObject, numberOf, objectOf, type TronJson, tronError } from "./node.ts";

const disagree = () => tronError("transaction", -32603, "The nodes disagree about the block.");

/** A transaction's info of a node that has it in a block; null for `{}`. */
export async function transactionInfo(ask: AskTron, hash: string, solid = false): Promise<TronJson | null> {
  const path = `${solid ? "walletsolidity" : "wallet"}/gettransactioninfobyid`;
  const info = objectOf(await ask(path, { value: hash.replace(/^0x/, "") }), "transaction's info");
  return Object.keys(info).length === 0 ? null : info;
}

/** `SUCCESS`, or why it failed. */
export function resultOf(info: TronJson): string {
  const said = isObject(info.receipt) ? info.receipt.result : undefined;
  // `result` is there only for a failure; a transfer of TRX has no `receipt.result`.
  if (info.result === "FAILED") return typeof said === "string" ? said : "FAILED";
  return typeof said === "string" ? said : "SUCCESS";
}

/** Who sends to whom, and what. */
function contractOf(transaction: TronJson) {
  const raw = objectOf(transaction.raw_data, "transaction");
  const [contract] = Array.isArray(raw.contract) ? raw.contract : [];
  const parameter = isObject(contract) && isObject(contract.parameter) ? contract.parameter.value : null;
  const value = objectOf(parameter, "transaction");
  const to = value.contract_address ?? value.to_address;
  return {
    from: tronAddress(String(value.owner_address)),
    to: to === undefined ? null : tronAddress(String(to)),
    input: `0x${typeof value.data === "string" ? value.data : ""}`,
    value: numberToHex(numberOf(value.call_value ?? value.amount)),
    feeLimit: numberOf(raw.fee_limit),
  };
}

/** Where a transaction is, by its info; the block must say the same. */
async function placeOf(ask: AskTron, hash: string, info: TronJson) {
  const num = numberOf(info.blockNumber);
  const block = readBlock(await ask("wallet/getblockbynum", { num }));
  const index = block?.transactions.findIndex(({ txID }) => `0x${txID}` === hash) ?? -1;
  const transaction = block?.transactions[index];
  if (!block || !transaction) throw disagree();
  return { block, index, transaction, contract: contractOf(transaction) };
}

/** `eth_getTransactionReceipt`, of the full node: the block may still be replaced. */
export async function rpcReceipt(ask: AskTron, wanted: string) {
  const hash = wanted.toLowerCase();
  const info = await transactionInfo(ask, hash);
  if (!info) return null;
  const { block, index, contract } = await placeOf(ask, hash, info);
  const receipt = isObject(info.receipt) ? info.receipt : {};
  const succeeded = resultOf(info) === "SUCCESS";
  const energy = Math.max(numberOf(receipt.energy_usage_total), numberOf(info.fee) > 0 ? 1 : 0);
  const place = {
    blockHash: block.id,
    blockNumber: numberToHex(block.number),
    transactionHash: hash,
    transactionIndex: numberToHex(index),
  };
  const own = succeeded ? logsOf(info) : [];
  const first = own.length === 0 ? 0 : await logsBefore(ask, block.number, index, block.transactions.length);
  return {
    ...place,
    status: succeeded ? "0x1" : "0x0",
    from: contract.from,
    to: contract.to,
    contractAddress: null,
    // Whole sun: what is left over of a fee that no price gives exactly is less than one sun for each energy.
    gasUsed: numberToHex(energy),
    effectiveGasPrice: numberToHex(energy === 0 ? 0 : Math.round(numberOf(info.fee) / energy)),
    cumulativeGasUsed: numberToHex(energy),
    logsBloom: `0x${"00".repeat(256)}`,
    type: "0x0",
    logs: own.map((log, at) => ({
      ...place,
      address: tronAddress(String(log.address)),
      topics: (Array.isArray(log.topics) ? log.topics : []).map((topic) => `0x${topic}`),
      data: `0x${typeof log.data === "string" ? log.data : ""}`,
      logIndex: numberToHex(first + at),
      removed: false,
    })),
  };
}

const logsOf = (info: TronJson): TronJson[] =>
  resultOf(info) === "SUCCESS" && Array.isArray(info.log) ? info.log.filter(isObject) : [];

/** How many logs the transactions before this one have in its block: a node counts none itself. */
async function logsBefore(ask: AskTron, num: number, index: number, transactions: number): Promise<number> {
  if (index === 0) return 0;
  const infos = await ask("wallet/gettransactioninfobyblocknum", { num });
  // Fewer infos than transactions: the node that answered lags.
  if (!Array.isArray(infos) || infos.length !== transactions) throw disagree();
  return infos.slice(0, index).reduce((sum, info) => sum + (isObject(info) ? logsOf(info).length : 0), 0);
}

/** `eth_getTransactionByHash`; without a block while it waits. */
export async function rpcTransaction(ask: AskTron, wanted: string) {
  const hash = wanted.toLowerCase();
  const info = await transactionInfo(ask, hash);
  if (info) {
    const { block, index, contract } = await placeOf(ask, hash, info);
    return rpcTransactionOf(hash, contract, {
      blockHash: block.id,
      blockNumber: numberToHex(block.number),
      transactionIndex: numberToHex(index),
    });
  }
  const waiting = await ask("wallet/gettransactionfrompending", { value: hash.slice(2) });
  if (!isObject(waiting) || !isObject(waiting.raw_data)) return null;
  const nowhere = { blockHash: null, blockNumber: null, transactionIndex: null };
  return rpcTransactionOf(hash, contractOf(waiting), nowhere);
}

function rpcTransactionOf(hash: string, contract: ReturnType<typeof contractOf>, place: object) {
  const { feeLimit, ...call } = contract;
  // Sun that it may cost, as so much gas at a price of 1: a transaction names no price.
  return { ...place, ...call, hash, nonce: "0x0", type: "0x0", gas: numberToHex(feeLimit), gasPrice: "0x1" };
}

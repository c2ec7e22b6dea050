import { type Hex, numberToHex, zeroAddress } from "viem";
import { tronAddress } from "../tronAddress.ts";
import { type AskTron, isObject, numberOf, objectOf, type TronJson, textOf, tronError } from "./node.ts";

/** A contract call as JSON-RPC has it. */
export interface RpcCall {
  from?: string;
  to?: string;
  data?: string;
  value?: string;
}

/** An address as a node's JSON has it: `41` and 20 bytes. */
export const nodeAddress = (address: string): string => `41${tronAddress(address).slice(2)}`;

function constantCall({ from = zeroAddress, to, data = "0x", value }: RpcCall): TronJson {
  if (!to) throw tronError("eth_call", -32602, "A call needs the contract that is called.");
  return {
    owner_address: nodeAddress(from),
    contract_address: nodeAddress(to),
    data: data.replace(/^0x/, ""),
    ...(value && BigInt(value) > 0n && { call_value: Number(BigInt(value)) }),
    visible: false,
  };
}

/**
 * Runs a call on the newest state.
 * @returns what it returned and the energy it took; null where there is no contract
 * @throws RpcRequestError with code 3 and what the contract said when it refuses
 */
async function run(ask: AskTron, call: RpcCall, api: string): Promise<{ data: Hex; energy: number } | null> {
  const answer = objectOf(
    await ask(`${api}/triggerconstantcontract`, constantCall(call)),
    "result of a call",
  );
  const result = objectOf(answer.result, "result of a call");
  const message = textOf(result.message);
  if (result.result !== true) {
    if (/not exist|no contract/i.test(message)) return null;
    throw tronError("eth_call", -32603, message || String(result.code ?? "The node did not run the call."));
  }
  const [first] = Array.isArray(answer.constant_result) ? answer.constant_result : [];
  const data: Hex = `0x${typeof first === "string" ? first : ""}`;
  const [ret] =
    isObject(answer.transaction) && Array.isArray(answer.transaction.ret) ? answer.transaction.ret : [];
  if (message !== "" || (isObject(ret) && ret.ret === "FAILED")) {
    throw tronError("eth_call", 3, `execution reverted: ${message || "without a reason"}`, data);
  }
  return { data, energy: numberOf(answer.energy_used) };
}

/**
 * `eth_call`. Nodes keep the newest state and the solid one, no older ones.
 * @param tag `finalized` and `safe` are the solid state
 */
export async function callContract(ask: AskTron, call: RpcCall, tag: unknown): Promise<Hex> {
  const solid = tag === "finalized" || tag === "safe";
  if (!solid && tag !== undefined && tag !== "latest" && tag !== "pending") {
    throw tronError("eth_call", -32602, `A Tron node keeps no state of an older block (${tag}).`);
  }
  return (await run(ask, call, solid ? "walletsolidity" : "wallet"))?.data ?? "0x";
}

/** Energy that a call needs: what a node estimates, or what the call took where the node does not estimate. */
export async function estimateEnergy(ask: AskTron, call: RpcCall): Promise<bigint> {
  const ran = await run(ask, call, "wallet");
  if (!ran) throw tronError("eth_estimateGas", -32602, "There is no contract at that address.");
  // Only some nodes answer this; it finds what a call needs at once, not only what it has used at its end.
  const answer = await ask("wallet/estimateenergy", constantCall(call)).catch(() => ({}));
  const required = isObject(answer) ? numberOf(answer.energy_required) : 0;
  return BigInt(Math.max(required, ran.energy));
}

/** A number that the witnesses vote on, such as `getEnergyFee` (sun). */
export async function chainParameters(ask: AskTron): Promise<(key: string) => bigint> {
  const answer = objectOf(await ask("wallet/getchainparameters"), "chain parameters");
  const list = Array.isArray(answer.chainParameter) ? answer.chainParameter.filter(isObject) : [];
  return (key) => {
    const found = list.find((parameter) => parameter.key === key);
    if (!found) throw tronError("getchainparameters", -32603, `The node says no ${key}.`);
    return BigInt(numberOf(found.value));
  };
}

/** Sun for one energy. */
export const energyPrice = async (ask: AskTron): Promise<bigint> =>
  (await chainParameters(ask))("getEnergyFee");

/** What an account has, in sun, as JSON-RPC writes it. */
export async function balanceOf(ask: AskTron, address: string): Promise<Hex> {
  const account = objectOf(
    await ask("wallet/getaccount", { address: nodeAddress(address), visible: false }),
    "account",
  );
  return numberToHex(numberOf(account.balance));
}

/** What runs at an address; `0x` where there is no contract. */
export async function codeOf(ask: AskTron, address: string): Promise<Hex> {
  const body = { value: nodeAddress(address), visible: false };
  const info = objectOf(await ask("wallet/getcontractinfo", body), "contract");
  return `0x${typeof info.runtimecode === "string" ? info.runtimecode : ""}`;
}

import { witnessAddress } from "../chain/witnesses.ts";
import { type Address, nodeAddress } from "../protocol/address.ts";
import { keccak256 } from "../protocol/crypto.ts";
import { hexOfText, toHex } from "../protocol/hex.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import type { Outcome } from "../vm/evm.ts";
import type { State } from "../vm/state.ts";
import { addressParam, type Handler, hexParam, intParam, type Question } from "./request.ts";
import { buildTransaction } from "./sending.ts";
import type { View } from "./view.ts";

/** The most energy that a call which is not a transaction may use: java-tron's `maxEnergyLimitForConstant`. */
const MAX_ENERGY = 100_000_000n;

interface Call {
  owner: Address;
  /** Without it, `data` is deployed. */
  to: Address | undefined;
  data: Uint8Array;
  value: number;
}

/** The questions that call a contract. */
export const callHandlers: Record<string, Handler> = {
  triggersmartcontract: async ({ params, view }) => {
    const call = readCall(params);
    const missing = await view.at(false, (state) => missingContract(state, call));
    if (missing) return missing;
    const transaction = buildTransaction(view, "TriggerSmartContract", contractValue(call), {
      feeLimit: intParam(params, "fee_limit", 0),
      permission: intParam(params, "Permission_id", 0),
    });
    return { result: { result: true }, transaction };
  },

  triggerconstantcontract: ({ params, view, solid }) => {
    const call = readCall(params);
    return view.at(solid, async (state) => {
      const missing = missingContract(state, call);
      if (missing) return missing;
      const outcome = await simulate(view, solid, call);
      // A node shows what a contract reverts with, and of every other failure only its name.
      if (outcome.message && outcome.result !== "REVERT") {
        const message = hexOfText(`${outcome.result} : ${outcome.message}`);
        return { result: { code: "OTHER_ERROR", message } };
      }
      return {
        result: { result: true, ...(outcome.message && { message: hexOfText(outcome.message) }) },
        energy_used: Number(outcome.energy),
        constant_result: [toHex(outcome.returned)],
        ...(outcome.logs.length > 0 && { logs: outcome.logs }),
        transaction: {
          ret: [outcome.message ? { ret: "FAILED" } : {}],
          ...(call.to && buildTransaction(view, "TriggerSmartContract", contractValue(call))),
        },
      };
    });
  },

  estimateenergy: (question) => estimate(question),
};

async function estimate({ params, view, solid }: Question): Promise<Json> {
  const call = readCall(params);
  return view.at(solid, async (state) => {
    const missing = missingContract(state, call);
    if (missing) return missing;
    const outcome = await simulate(view, solid, call);
    if (outcome.message) {
      return { result: { result: true, message: hexOfText(outcome.message) } };
    }
    // A call may need more than it uses: a part is held back from each call that it makes.
    let [low, high] = [outcome.energy, outcome.energy];
    while ((await simulate(view, solid, call, high)).message) [low, high] = [high, high + high / 16n + 1n];
    while (high - low > high / 1000n) {
      const middle = (low + high) / 2n;
      if ((await simulate(view, solid, call, middle)).message) low = middle;
      else high = middle;
    }
    return { result: { result: true }, energy_required: Number(high) };
  });
}

function readCall(params: JsonObject): Call {
  const selector = typeof params.function_selector === "string" ? params.function_selector : "";
  const parameter = hexParam(params, "parameter");
  const data = selector
    ? Buffer.concat([keccak256(Buffer.from(selector)).subarray(0, 4), parameter])
    : hexParam(params, "data");
  return {
    owner: addressParam(params, "owner_address"),
    to: params.contract_address ? addressParam(params, "contract_address") : undefined,
    data,
    value: intParam(params, "call_value", 0),
  };
}

function missingContract(state: State, { to }: Call): JsonObject | null {
  if (to === undefined || state.get(`c${to}`)) return null;
  const message = "Contract validate error : No contract or not a valid smart contract";
  return { result: { code: "CONTRACT_VALIDATE_ERROR", message: hexOfText(message) } };
}

/** Runs a call on the state as it is, and undoes it. */
export async function simulate(
  view: View,
  solid: boolean,
  call: Call,
  energyLimit = MAX_ENERGY,
): Promise<Outcome> {
  const { evm, ledger, state } = view.chain;
  const number = view.top(solid);
  const { time, slot } = ledger.header(number);
  state.checkpoint();
  try {
    return await evm.run({
      transactionId: "00".repeat(32),
      caller: call.owner,
      ...(call.to && { to: call.to }),
      value: BigInt(call.value),
      data: call.data,
      energyLimit,
      block: { number, time, witness: witnessAddress(slot) },
    });
  } finally {
    state.revert();
  }
}

const contractValue = ({ owner, to, data, value }: Call): JsonObject => ({
  owner_address: nodeAddress(owner),
  contract_address: nodeAddress(to as Address),
  ...(value > 0 && { call_value: value }),
  data: toHex(data),
});

import type { Refused } from "../chain/chain.ts";
import { BroadcastError, ControlError } from "../chain/errors.ts";
import { fund } from "../faucet.ts";
import { isObject, type Json, type JsonObject } from "../protocol/json.ts";
import type { Backend } from "./backend.ts";
import { FAULT_KINDS, type FaultKind } from "./faults.ts";
import { addressParam, flagParam, intParam, RequestError } from "./request.ts";

type Control = (params: JsonObject, backend: Backend) => Json | Promise<Json>;

const MAX_BLOCKS = 100_000;

/** The controls under `/devnet/`, for tests that do not run in the same process. */
export const controls: Record<string, Control> = {
  status: (_, backend) => status(backend),

  mine: async (params, backend) => {
    const blocks = intParam(params, "blocks", 1);
    const missed = intParam(params, "missed", 0);
    if (blocks < 1 || blocks > MAX_BLOCKS || missed < 0 || missed > MAX_BLOCKS) {
      throw new ControlError(`blocks is 1 to ${MAX_BLOCKS}, missed up to that`);
    }
    const refused: Refused[] = [];
    for (let made = 0; made < blocks; made++) {
      refused.push(...(await backend.view.chain.mine(made === 0 ? missed : 0)));
    }
    return { ...status(backend), refused: refused.map((one) => ({ ...one })) };
  },

  reorg: async (params, backend) => {
    const refused = await backend.view.chain.reorg({
      depth: intParam(params, "depth"),
      drop: textList(params.drop),
      move: numbers(params.move),
      longer: intParam(params, "longer", 1),
    });
    return { ...status(backend), refused: refused.map((one) => ({ ...one })) };
  },

  lag: (params, backend) => {
    const blocks = intParam(params, "blocks");
    if (blocks < 0) throw new ControlError("blocks is 0 or more");
    backend.lag = blocks;
    return status(backend);
  },

  faults: (params, backend) => {
    if (flagParam(params, "clear")) backend.faults.clear();
    if (params.kind !== undefined) {
      const kind = FAULT_KINDS.find((known) => known === params.kind);
      if (kind === undefined) throw new ControlError(`kind is one of ${FAULT_KINDS.join(", ")}`);
      backend.faults.add({ kind: kind as FaultKind, ...faultScope(params) });
    }
    return status(backend);
  },

  fingerprints: (params, backend) => {
    backend.dropFingerprints = flagParam(params, "dropped");
    return status(backend);
  },

  fund: async (params, backend) => {
    const sun = BigInt(intParam(params, "sun"));
    try {
      return { txid: await fund(backend.view, addressParam(params, "address"), sun) };
    } catch (error) {
      throw error instanceof BroadcastError ? new ControlError(`${error.code}: ${error.message}`) : error;
    }
  },
};

const status = ({ view }: Backend): JsonObject => ({
  head: view.head,
  solid: view.solid,
  chainId: view.chain.genesis.chainId,
  pending: view.chain.pending.size,
});

function faultScope({ path, times, rate }: JsonObject) {
  if (rate !== undefined && (typeof rate !== "number" || !(rate >= 0 && rate <= 1))) {
    throw new ControlError("rate is a number from 0 to 1");
  }
  return {
    ...(typeof path === "string" && { path }),
    ...(typeof times === "number" && { times }),
    ...(rate !== undefined && { rate }),
  };
}

function textList(json: Json | undefined): string[] {
  if (json === undefined) return [];
  if (!Array.isArray(json)) throw new RequestError("drop is not a list of ids");
  return json.map(String);
}

function numbers(json: Json | undefined): Record<string, number> {
  if (json === undefined) return {};
  if (!isObject(json)) throw new RequestError("move is not an object of blocks by id");
  return Object.fromEntries(Object.keys(json).map((id) => [id, intParam(json, id)]));
}

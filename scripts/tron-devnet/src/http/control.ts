import { BroadcastError, ControlError, requireWhole } from "../chain/errors.ts";
import { fund } from "../faucet.ts";
import { isObject, type Json, type JsonObject } from "../protocol/json.ts";
import type { Backend } from "./backend.ts";
import type { FaultKind } from "./faults.ts";
import { addressParam, intParam, RequestError } from "./request.ts";

type Control = (params: JsonObject, backend: Backend) => Json | Promise<Json>;

/** The controls under `/devnet/`, for tests that do not run in the same process. */
export const controls: Record<string, Control> = {
  status: (_, backend) => status(backend),

  mine: async (params, backend) => {
    const blocks = intParam(params, "blocks", 1);
    const missed = intParam(params, "missed", 0);
    requireWhole("blocks", blocks, 1);
    const refused = await backend.view.chain.mineBlocks(blocks, missed);
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
    backend.lag = intParam(params, "blocks");
    return status(backend);
  },

  faults: (params, backend) => {
    if (params.clear === true) {
      backend.faults.clear();
      return status(backend);
    }
    const { kind, path, times, rate } = params;
    // The faults check what they are given.
    backend.faults.add({ kind, path, times, rate } as { kind: FaultKind });
    return status(backend);
  },

  fingerprints: (params, backend) => {
    if (typeof params.dropped !== "boolean") throw new ControlError("dropped is true or false");
    backend.dropFingerprints = params.dropped;
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

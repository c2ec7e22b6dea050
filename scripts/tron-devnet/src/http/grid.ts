import { createHash } from "node:crypto";
import { decodeAbiParameters } from "viem";
import { type Address, parseAddress, toBase58 } from "../protocol/address.ts";
import { keccak256 } from "../protocol/crypto.ts";
import { toHex } from "../protocol/hex.ts";
import type { JsonObject } from "../protocol/json.ts";
import { simulate } from "./calls.ts";
import { allLogs, eventJson, logsOfBlock, type PlacedLog, TRANSFER } from "./events.ts";
import { type Answer, flagParam, idParam, intParam, RequestError } from "./request.ts";
import type { View } from "./view.ts";

const MAX_PAGE = 200;
const DEFAULT_PAGE = 20;

interface Ask {
  params: JsonObject;
  view: View;
  dropFingerprints: boolean;
  /** The rest of the path, which with the filters tells one list from another. */
  path: string;
}

/** The event server (`/v1`): events and token transfers in pages. */
export class Grid {
  readonly #tokens = new Map<Address, JsonObject>();

  /** Null if there is no such path. */
  async answer(
    path: string,
    params: JsonObject,
    view: View,
    dropFingerprints: boolean,
  ): Promise<Answer | null> {
    const ask = { params, view, dropFingerprints, path };
    try {
      const body = await this.#route(path.split("/"), ask);
      return body && { status: 200, body };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return { status: 400, body: { success: false, error: error.message, statusCode: 400 } };
    }
  }

  async #route(parts: string[], ask: Ask): Promise<JsonObject | null> {
    const [kind, of = "", what, sort] = parts;
    const { view } = ask;
    if (kind === "contracts" && what === "events" && parts.length === 3) {
      const address = addressOf(of);
      return this.#events(ask, (log) => log.address === address);
    }
    if (kind === "transactions" && what === "events" && parts.length === 3) {
      const id = idParam({ value: of });
      const height = view.chain.ledger.heightOf(id);
      const logs = height === undefined || height > view.head ? [] : this.#block(view, height);
      return this.#events(ask, (log) => log.transactionId === id, logs);
    }
    if (kind === "blocks" && what === "events" && parts.length === 3) {
      const height = of === "latest" ? view.head : intParam({ height: of }, "height");
      return this.#events(ask, () => true, height > view.head ? [] : this.#block(view, height));
    }
    if (kind === "accounts" && what === "transactions" && sort === "trc20" && parts.length === 4) {
      return this.#transfers(ask, addressOf(of));
    }
    return null;
  }

  #block(view: View, height: number): Iterable<PlacedLog> {
    return logsOfBlock(height, view.chain.ledger.included(height));
  }

  async #events(ask: Ask, matches: (log: PlacedLog) => boolean, logs?: Iterable<PlacedLog>) {
    const { params, view } = ask;
    const height = params.block_number === undefined ? undefined : intParam(params, "block_number");
    const found = select(
      ask,
      ["min_block_timestamp", "max_block_timestamp"],
      logs ?? allLogs(view),
      (log) => matches(log) && (height === undefined || log.height === height),
    );
    return view.at(false, (state) => {
      const show = (log: PlacedLog) => eventJson(state, log, timeOf(view, log), log.height <= view.solid);
      const name = params.event_name;
      return page(
        ask,
        name === undefined ? found : found.filter((log) => show(log).event_name === name),
        show,
      );
    });
  }

  async #transfers(ask: Ask, account: Address) {
    const { params, view } = ask;
    const token = params.contract_address === undefined ? undefined : addressOf(params.contract_address);
    const [onlyTo, onlyFrom] = [flagParam(params, "only_to"), flagParam(params, "only_from")];
    const found = select(ask, ["min_timestamp", "max_timestamp"], allLogs(view), (log) => {
      const transfer = transferOf(log);
      if (!transfer || (token !== undefined && log.address !== token)) return false;
      return (transfer.to === account && !onlyFrom) || (transfer.from === account && !onlyTo);
    });
    for (const { address } of found) await this.#learn(view, address);
    return page(ask, found, (log) => {
      const { from, to, value } = transferOf(log) as Transfer;
      return {
        transaction_id: log.transactionId,
        token_info: this.#tokens.get(log.address) as JsonObject,
        block_timestamp: timeOf(view, log),
        from: toBase58(from),
        to: toBase58(to),
        type: "Transfer",
        value: value.toString(),
      };
    });
  }

  /** Asks a token for its name, once. */
  async #learn(view: View, token: Address) {
    if (this.#tokens.has(token)) return;
    const ask = async (getter: string, type: "string" | "uint8") => {
      const data = keccak256(Buffer.from(`${getter}()`)).subarray(0, 4);
      const { returned } = await view.at(false, () =>
        simulate(view, false, { owner: "00".repeat(20), to: token, data, value: 0 }),
      );
      try {
        return decodeAbiParameters([{ type }], `0x${toHex(returned)}`)[0];
      } catch {
        return type === "string" ? "" : 0;
      }
    };
    this.#tokens.set(token, {
      symbol: await ask("symbol", "string"),
      address: toBase58(token),
      decimals: await ask("decimals", "uint8"),
      name: await ask("name", "string"),
    });
  }
}

interface Transfer {
  from: Address;
  to: Address;
  value: bigint;
}

/** A token's transfer, if the log is one: two addresses that are indexed and an amount that is not. */
function transferOf({ topics, data }: PlacedLog): Transfer | null {
  const [name, from, to] = topics;
  if (name !== TRANSFER || topics.length !== 3 || data.length !== 64) return null;
  return { from: (from as string).slice(24), to: (to as string).slice(24), value: BigInt(`0x${data}`) };
}

/** The logs that match the filters which all lists share, in the order that is asked for. */
function select(
  { params, view }: Ask,
  [min, max]: [string, string],
  logs: Iterable<PlacedLog>,
  matches: (log: PlacedLog) => boolean,
): PlacedLog[] {
  const from = intParam(params, min, 0);
  const until = intParam(params, max, Number.MAX_SAFE_INTEGER);
  const [confirmed, unconfirmed] = [
    flagParam(params, "only_confirmed"),
    flagParam(params, "only_unconfirmed"),
  ];
  const found: PlacedLog[] = [];
  for (const log of logs) {
    const isSolid = log.height <= view.solid;
    if ((confirmed && !isSolid) || (unconfirmed && isSolid) || !matches(log)) continue;
    const time = timeOf(view, log);
    if (time >= from && time <= until) found.push(log);
  }
  return params.order_by === "block_timestamp,asc" ? found : found.reverse();
}

/** The page after the fingerprint. A fingerprint belongs to its filters. @throws {RequestError} */
function page(
  { params, dropFingerprints, path }: Ask,
  all: PlacedLog[],
  show: (log: PlacedLog) => JsonObject,
): JsonObject {
  const limit = Math.min(Math.max(1, intParam(params, "limit", DEFAULT_PAGE)), MAX_PAGE);
  const { fingerprint, ...filters } = params;
  const list = createHash("sha256")
    .update(JSON.stringify([path, Object.entries(filters).sort()]))
    .digest("hex");
  let start = 0;
  if (fingerprint !== undefined) {
    const [ofList, order] = Buffer.from(String(fingerprint), "base64url").toString().split(" ");
    if (ofList !== list) throw new RequestError("The fingerprint does not belong to these parameters");
    const newestFirst = params.order_by !== "block_timestamp,asc";
    const next = all.findIndex((log) =>
      newestFirst ? log.order < Number(order) : log.order > Number(order),
    );
    start = next < 0 ? all.length : next;
  }
  const data = all.slice(start, start + limit);
  const more = start + limit < all.length && !dropFingerprints;
  const last = data.at(-1)?.order;
  return {
    success: true,
    data: data.map(show),
    meta: {
      at: Date.now(),
      ...(more && { fingerprint: Buffer.from(`${list} ${last}`).toString("base64url") }),
      page_size: data.length,
    },
  };
}

const timeOf = (view: View, { height }: PlacedLog) => view.chain.ledger.header(height).time;

function addressOf(text: unknown): Address {
  const address = parseAddress(text);
  if (!address) throw new RequestError(`Not an address: ${String(text).slice(0, 100)}`);
  return address;
}

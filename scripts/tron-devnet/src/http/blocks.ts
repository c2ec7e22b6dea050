import { includedToJson } from "../chain/block.ts";
import type { Json } from "../protocol/json.ts";
import { transactionToJson } from "../protocol/transaction.ts";
import { flagParam, type Handler, idParam, intParam, type Question } from "./request.ts";
import type { View } from "./view.ts";

/** A node returns no more blocks than this at once. */
const MAX_BLOCKS = 100;

/** The questions about blocks and the transactions in them. What is not found is `{}`. */
export const blockHandlers: Record<string, Handler> = {
  getnowblock: ({ view, solid }) => view.chain.ledger.blockJson(view.top(solid)),

  getblock: ({ params, view, solid }) => {
    const wanted = params.id_or_num;
    const detail = flagParam(params, "detail");
    if (wanted === undefined || wanted === "") return view.chain.ledger.blockJson(view.top(solid), detail);
    const height = /^\d{1,15}$/.test(String(wanted))
      ? Number(wanted)
      : heightOfId(view, idParam(params, "id_or_num"));
    return blockAt(view, solid, height, detail);
  },

  getblockbynum: ({ params, view, solid }) => blockAt(view, solid, intParam(params, "num")),

  getblockbyid: ({ params, view, solid }) => blockAt(view, solid, heightOfId(view, idParam(params))),

  getblockbylimitnext: ({ params, view, solid }) => {
    const start = intParam(params, "startNum");
    const end = Math.min(intParam(params, "endNum"), view.top(solid) + 1);
    if (start < 0 || end - start > MAX_BLOCKS) return {};
    return { block: range(start, end).map((height) => view.chain.ledger.blockJson(height)) };
  },

  getblockbylatestnum: ({ params, view, solid }) => {
    const top = view.top(solid);
    const count = intParam(params, "num");
    if (count < 1 || count >= MAX_BLOCKS) return {};
    return {
      block: range(Math.max(0, top - count + 1), top + 1).map((at) => view.chain.ledger.blockJson(at)),
    };
  },

  gettransactionbyid: (question) => {
    const found = find(question);
    return found ? includedToJson(found) : {};
  },

  gettransactioninfobyid: (question) => find(question)?.info ?? {},

  gettransactioninfobyblocknum: ({ params, view, solid }) => {
    const height = intParam(params, "num");
    if (height < 0 || height > view.top(solid)) return [];
    return view.chain.ledger.included(height).map(({ info }) => info);
  },

  gettransactioncountbyblocknum: ({ params, view, solid }) => {
    const height = intParam(params, "num");
    return { count: height < 0 || height > view.top(solid) ? -1 : view.chain.ledger.included(height).length };
  },

  gettransactionfrompending: ({ params, view }) => {
    const transaction = view.chain.pending.get(idParam(params));
    return transaction ? transactionToJson(transaction) : {};
  },

  gettransactionlistfrompending: ({ view }) => ({ txId: [...view.chain.pending.keys()] }),

  getpendingsize: ({ view }) => ({ pendingSize: view.chain.pending.size }),
};

function blockAt(view: View, solid: boolean, height: number, detail = true): Json {
  return height < 0 || height > view.top(solid) ? {} : view.chain.ledger.blockJson(height, detail);
}

/** The height that an id begins with, if the block there has that id; -1 if not. */
function heightOfId(view: View, id: string): number {
  const height = Number.parseInt(id.slice(0, 16), 16);
  return height <= view.head && view.chain.ledger.idHex(height) === id ? height : -1;
}

/** The transaction that is asked for, if it is in a block that this node knows. */
export function find({ params, view, solid }: Question) {
  const id = idParam(params);
  const height = view.chain.ledger.heightOf(id);
  if (height === undefined || height > view.top(solid)) return undefined;
  return view.chain.ledger.included(height).find(({ transaction }) => transaction.id === id);
}

const range = (start: number, end: number) =>
  Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index);

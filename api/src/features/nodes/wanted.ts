import type { Deps } from "../../deps.ts";
import { stillSubscribed } from "../marketplace/queries.ts";
import { restrictedOf } from "../models/license-queries.ts";
import { onchainOf } from "../publishing/onchain.ts";
import type { WantedModel } from "./protocol.ts";
import * as queries from "./queries.ts";

/** What a node is asked to serve, and what it may not serve whatever it says. */
export interface NodeWork {
  wanted: WantedModel[];
  forbidden: Set<string>;
}

interface ListedModel {
  model: WantedModel;
  groupId: string;
  /** Whether it takes the right to have protected weights. */
  restricted: boolean;
}

/**
 * What these nodes should serve: every model whose file is ready, that is listed on chain, or was and still has
 * subscribers who paid for longer, and whose weights the node may have.
 */
export async function workOf(deps: Deps, nodeIds: string[]): Promise<Map<string, NodeWork>> {
  const [listed, rights] = await Promise.all([listedModels(deps), queries.rightsOf(deps.db, nodeIds)]);
  // Nodes with the same rights share one answer: there may be ten thousand of them.
  const answers = new Map<string, NodeWork>();
  return new Map(
    [...rights].map(([id, { verified, groupIds }]): [string, NodeWork] => {
      const may = ({ groupId, restricted }: ListedModel) => !restricted || verified || groupIds.has(groupId);
      const key = verified ? "all" : [...groupIds].sort().join();
      const answer = answers.get(key) ?? {
        wanted: listed.filter(may).map(({ model }) => model),
        forbidden: new Set(listed.filter((each) => !may(each)).map(({ model }) => model.modelId)),
      };
      answers.set(key, answer);
      return [id, answer];
    }),
  );
}

/** Milliseconds for which the models that are listed are believed on the hot path. */
const FRESH_MS = 2_000;
const recent = new WeakMap<Deps, { at: number; listed: Promise<ListedModel[]> }>();

function recentlyListed(deps: Deps): Promise<ListedModel[]> {
  const known = recent.get(deps);
  if (known && Date.now() - known.at < FRESH_MS) return known.listed;
  const listed = listedModels(deps);
  recent.set(deps, { at: Date.now(), listed });
  // A look that failed is not kept.
  listed.catch(() => recent.delete(deps));
  return listed;
}

/** What a node should serve, as of two seconds ago at most: for what nodes ask often. */
export async function wantedBy(deps: Deps, nodeId: string): Promise<WantedModel[]> {
  const listed = await recentlyListed(deps);
  if (listed.length === 0) return [];
  const open = listed.filter(({ restricted }) => !restricted).map(({ model }) => model);
  if (open.length === listed.length) return open;
  const rights = (await queries.rightsOf(deps.db, [nodeId])).get(nodeId);
  if (!rights) return open;
  return listed
    .filter(({ groupId, restricted }) => !restricted || rights.verified || rights.groupIds.has(groupId))
    .map(({ model }) => model);
}

async function listedModels(deps: Deps): Promise<ListedModel[]> {
  const ready = await queries.readyModels(deps.db);
  const onchain = await onchainOf(
    deps,
    ready.map(({ id }) => id),
  );
  const lapsed = [...onchain].filter(([, { listed }]) => !listed).map(([id]) => id);
  const subscribed = await stillSubscribed(deps.db, lapsed);
  const listed = ready.filter(({ id }) => onchain.get(id)?.listed || subscribed.has(id));
  const restricted = await restrictedOf(deps.db, listed);
  return listed.flatMap(({ id, name, version, cid, sha256: digest, size, gguf, weights, groupId }) => {
    if (cid === null || digest === null) return [];
    const path = `/api/models/${id}/weights`;
    const model = {
      modelId: id,
      name,
      cid,
      sha256: digest,
      size,
      // Of this version: another may be served when the node comes for it.
      weightsUrl: `${path}/stored?version=${version}`,
      keyUrl: weights === "protected" ? `${path}/key?version=${version}` : null,
      contextLength: gguf?.contextLength ?? null,
    };
    return [{ model, groupId, restricted: restricted.has(id) }];
  });
}

import { api, type Model } from "../api/index.ts";
import { parameterCount } from "../upload/gguf.ts";

/** A model that the signed-in person may talk to. */
export interface ChatModel {
  id: string;
  name: string;
  nodes: number;
  /** So small that it can only show how things work. */
  tiny: boolean;
}

const TINY_PARAMETERS = 100_000_000;

/** How many models of the marketplace are offered to choose from; any other is opened from its own page. */
const FROM_MARKET = 100;

/**
 * The models of one's groups and active subscriptions, and those that every plan covers, the ones with a node first.
 * @param asked a model that is wanted whatever else there is
 */
export async function availableModels(asked: string | null = null): Promise<ChatModel[]> {
  const [mine, subscriptions, market] = await Promise.all([
    api.models.mine(),
    api.market.subscriptions(),
    api.market.list({ sort: "popular", pageSize: FROM_MARKET }),
  ]);
  const known = new Map<string, Model>(market.items.filter(({ inPlans }) => inPlans).map((m) => [m.id, m]));
  for (const model of mine) if (model.file?.state === "ready") known.set(model.id, model);
  const wanted = new Set(subscriptions.filter(({ active }) => active).map(({ modelId }) => modelId));
  if (asked) wanted.add(asked);
  const others = [...wanted].filter((id) => !known.has(id));
  const fetched = await Promise.all(others.map((id) => api.models.get(id).catch(() => null)));
  for (const model of fetched) if (model) known.set(model.id, model);
  return [...known.values()]
    .map((model) => ({
      id: model.id,
      name: model.name,
      nodes: model.serving.nodes,
      tiny: (parameterCount(model.file?.gguf ?? null) ?? TINY_PARAMETERS) < TINY_PARAMETERS,
    }))
    .sort((a, b) => Number(b.nodes > 0) - Number(a.nodes > 0) || a.name.localeCompare(b.name));
}

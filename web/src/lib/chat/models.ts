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

/** The models of one's active subscriptions and of one's groups, those with a node first. */
export async function availableModels(): Promise<ChatModel[]> {
  const [mine, subscriptions] = await Promise.all([api.models.mine(), api.market.subscriptions()]);
  const known = new Map<string, Model>(
    mine.filter(({ file }) => file?.state === "ready").map((model) => [model.id, model]),
  );
  const others = subscriptions.filter(({ active, modelId }) => active && !known.has(modelId));
  const fetched = await Promise.all(others.map(({ modelId }) => api.models.get(modelId).catch(() => null)));
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

import { stat } from "node:fs/promises";
import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { notAnOwner } from "../groups/errors.ts";
import { groupIdsOf, requireMember } from "../groups/service.ts";
import { onchainOf } from "../publishing/onchain.ts";
import { nameExhausted } from "./errors.ts";
import { withheldFrom } from "./licenses.ts";
import type { ModelRow, VersionRow } from "./queries.ts";
import * as queries from "./queries.ts";
import type { WeightsAccess } from "./schema.ts";
import type { ModelView } from "./shapes.ts";
import { otherSlug, slugOf } from "./slug.ts";
import { firstVersions } from "./version-queries.ts";

export type { ModelRow } from "./queries.ts";

/**
 * A model of one of the user's groups.
 * @throws AppError `not_found` (404), the same for no such model and for somebody else's
 */
export async function getModelForMember(deps: Deps, userId: string, modelId: string): Promise<ModelRow> {
  const row = await queries.modelRow(deps.db, modelId);
  if (!row) throw notFound("The model");
  await requireMember(deps, userId, row.groupId).catch(() => {
    throw notFound("The model");
  });
  return row;
}

/** A model, whoever asks; undefined when there is none. */
export function getModelRow(deps: Deps, modelId: string): Promise<ModelRow | undefined> {
  return queries.modelRow(deps.db, modelId);
}

/**
 * The JSON of models, in their order. Whoever knows a CID can read an open file on IPFS, and whoever knows the hash of
 * a small one knows its CID: for a file that not everybody may have they are shown to its group and to licensees alone.
 * The CID of protected weights is no secret.
 * @param viewer user id; null for who is not signed in
 */
export async function modelViews(deps: Deps, rows: ModelRow[], viewer: string | null): Promise<ModelView[]> {
  const ids = rows.map(({ id }) => id);
  const confirmations = Math.max(...deps.chains.all.map((chain) => chain.confirmations));
  const unserved = rows.filter(({ served }) => served === null).map(({ id }) => id);
  const [onchain, subscribers, hidden, servingOf, first] = await Promise.all([
    onchainOf(deps, ids),
    queries.subscriberCounts(deps.db, ids, confirmations),
    withheldFrom(deps, viewer, rows),
    deps.fleet.serving.lookup(),
    firstVersions(deps.db, unserved),
  ]);
  return Promise.all(
    rows.map(async (row) => {
      const version = row.served ?? first.get(row.id);
      return {
        id: row.id,
        groupId: row.groupId,
        groupName: row.groupName,
        name: row.name,
        slug: row.slug,
        description: row.description,
        license: row.license,
        tags: row.tags,
        inPlans: row.inPlans,
        weights: row.weights,
        file: version ? await viewFile(deps, row, version, hidden.has(row.id)) : null,
        onchain: onchain.get(row.id) ?? null,
        serving: servingOf(row.id),
        subscribers: subscribers.get(row.id) ?? 0,
        createdAt: row.createdAt.toISOString(),
      };
    }),
  );
}

/** The JSON of one model. */
export async function modelView(deps: Deps, row: ModelRow, viewer: string | null): Promise<ModelView> {
  const [view] = await modelViews(deps, [row], viewer);
  return view!;
}

/** The JSON of a version's file. @param hidden whether the viewer may not have it */
export async function viewFile(
  deps: Deps,
  { weights }: ModelRow,
  version: VersionRow,
  hidden: boolean,
): Promise<NonNullable<ModelView["file"]>> {
  const { state, size, sha256, storedSize } = version;
  return {
    version: version.number,
    state,
    error: version.error,
    cid: hidden && weights === "open" ? null : version.cid,
    size,
    sha256: hidden ? null : weights === "open" ? sha256 : version.plainSha256,
    encrypted:
      weights === "protected" && sha256 !== null && storedSize !== null ? { sha256, size: storedSize } : null,
    gguf: version.gguf,
    receivedBytes: state === "uploading" ? await stagedBytes(deps, version.uploadId) : size,
  };
}

/** How much of an upload is here; 0 before its first byte. */
export async function stagedBytes(deps: Deps, uploadId: string): Promise<number> {
  const staged = await stat(deps.storage.stagedPath(uploadId)).catch(() => null);
  return staged?.size ?? 0;
}

export interface NewModel {
  groupId: string;
  name: string;
  description: string;
  license: string;
  tags?: string[] | undefined;
  /** `protected` when left out. */
  weights?: WeightsAccess | undefined;
}

/** @throws AppError `not_found` (404) when the group is not one of the user's */
export async function createModel(deps: Deps, userId: string, model: NewModel): Promise<ModelView> {
  await requireMember(deps, userId, model.groupId);
  const base = slugOf(model.name);
  for (const slug of [base, otherSlug(base), otherSlug(base), otherSlug(base)]) {
    const id = await queries.insertModel(deps.db, {
      ...model,
      tags: model.tags ?? [],
      slug,
      createdBy: userId,
    });
    if (id) return modelView(deps, (await queries.modelRow(deps.db, id))!, userId);
  }
  throw nameExhausted();
}

export async function listMyModels(deps: Deps, userId: string): Promise<ModelView[]> {
  const groupIds = await groupIdsOf(deps, userId);
  return modelViews(deps, await queries.modelRowsOfGroups(deps.db, groupIds), userId);
}

/**
 * A model as a visitor sees it: published ones are public, drafts are their group's.
 * @param userId null for who is not signed in
 * @throws AppError `not_found` (404)
 */
export async function getModel(deps: Deps, userId: string | null, modelId: string): Promise<ModelView> {
  const row = await queries.modelRow(deps.db, modelId);
  if (!row) throw notFound("The model");
  const view = await modelView(deps, row, userId);
  if (view.onchain) return view;
  if (!userId) throw notFound("The model");
  await getModelForMember(deps, userId, modelId);
  return view;
}

export type ModelChanges = Partial<Omit<NewModel, "groupId" | "weights">> & { inPlans?: boolean | undefined };

/**
 * Changes what is said of a model. Whether the plans cover it decides on money, and so is for owners of its group.
 * @throws AppError `not_found` (404), `not_an_owner` (403)
 */
export async function changeModel(
  deps: Deps,
  userId: string,
  modelId: string,
  changes: ModelChanges,
): Promise<ModelView> {
  const { groupId } = await getModelForMember(deps, userId, modelId);
  if (changes.inPlans !== undefined && (await requireMember(deps, userId, groupId)).role !== "owner") {
    throw notAnOwner();
  }
  await queries.updateModel(deps.db, modelId, changes);
  return modelView(deps, await getModelForMember(deps, userId, modelId), userId);
}

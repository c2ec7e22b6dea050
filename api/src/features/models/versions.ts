import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { groupIdsOf } from "../groups/service.ts";
import { requireModelOwner } from "../publishing/access.ts";
import { onchainOf } from "../publishing/onchain.ts";
import { versionNotReady } from "./errors.ts";
import { withheldFrom } from "./licenses.ts";
import { lockModel } from "./queries.ts";
import { getModelRow, modelView, viewFile } from "./service.ts";
import type { ModelView, VersionView } from "./shapes.ts";
import { setServed, versionNumbered, versionsOf } from "./version-queries.ts";

/**
 * The versions of a model, the newest first: all of them for its group, for others those that were ever served.
 * @param viewer user id; null for who is not signed in
 * @throws AppError `not_found` (404)
 */
export async function listVersions(
  deps: Deps,
  viewer: string | null,
  modelId: string,
): Promise<VersionView[]> {
  const model = await getModelRow(deps, modelId);
  if (!model) throw notFound("The model");
  const mine = viewer !== null && (await groupIdsOf(deps, viewer)).includes(model.groupId);
  if (!mine && !(await onchainOf(deps, [modelId])).has(modelId)) throw notFound("The model");
  const hidden = (await withheldFrom(deps, viewer, [model])).has(modelId);
  const rows = (await versionsOf(deps.db, modelId)).filter(({ version }) => mine || version.servedAt);
  return Promise.all(
    rows.map(async ({ version, by }) => {
      const { version: number, gguf, ...file } = await viewFile(deps, model, version, hidden);
      return {
        ...file,
        number,
        note: version.note,
        served: version.id === model.servedVersionId,
        gguf: gguf && withoutTemplate(gguf),
        jobId: version.jobId,
        by: mine ? by : null,
        createdAt: version.createdAt.toISOString(),
        servedAt: version.servedAt?.toISOString() ?? null,
      };
    }),
  );
}

/** A template may be long, and a list has many. */
function withoutTemplate({ chatTemplate: _, ...facts }: NonNullable<NonNullable<ModelView["file"]>["gguf"]>) {
  return facts;
}

/**
 * Makes a version the one that nodes serve, be it newer or older than the one before. Again it changes nothing.
 * @throws AppError `not_found` (404), `not_an_owner` (403), `version_not_ready` (409)
 */
export async function serveVersion(
  deps: Deps,
  userId: string,
  modelId: string,
  number: number,
): Promise<ModelView> {
  await requireModelOwner(deps, userId, modelId);
  await deps.db.transaction(async (tx) => {
    // An upload to a draft takes the versions away that were there.
    const model = await lockModel(tx, modelId);
    const version = model && (await versionNumbered(tx, modelId, number));
    if (!version) throw notFound("The version");
    if (version.state !== "ready") throw versionNotReady();
    if (model.servedVersionId !== version.id) await setServed(tx, modelId, version.id);
  });
  deps.log.info({ userId, modelId, number }, "a version of a model is served now");
  const now = await getModelRow(deps, modelId);
  if (!now) throw notFound("The model");
  return modelView(deps, now, userId);
}

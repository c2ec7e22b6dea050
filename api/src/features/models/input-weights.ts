import { and, desc, eq, inArray, or } from "drizzle-orm";
import type { Deps } from "../../deps.ts";
import { groupIdsOf } from "../groups/service.ts";
import { mayHaveProtected } from "../nodes/service.ts";
import { onchainOf } from "../publishing/onchain.ts";
import { restrictedOf } from "./license-queries.ts";
import { withheldFrom } from "./licenses.ts";
import { modelRow, modelRows } from "./queries.ts";
import { modelVersions } from "./schema.ts";
import { versionById } from "./version-queries.ts";
import { ready, type Weights } from "./weights.ts";

/** A version of a model as a file that a job reads: as it was uploaded, never encrypted. */
export interface InputWeights {
  /** Of the file as it was uploaded. */
  cid: string;
  /** Of the file as it was uploaded, bytes. */
  size: number;
  versionId: string;
  modelId: string;
  /** The group whose nodes alone, beside the verified ones, may have it; null: every node may. */
  groupId: string | null;
}

/**
 * The versions of these CIDs that a user may read: any of their groups', and those ever served of published models,
 * with open weights or with a licence. By the CID that was asked for, of the stored or of the uploaded bytes.
 */
export async function readableWeights(
  deps: Deps,
  userId: string,
  cids: string[],
): Promise<Map<string, InputWeights>> {
  const found = new Map<string, InputWeights>();
  if (cids.length === 0) return found;
  const versions = await deps.db
    .select()
    .from(modelVersions)
    .where(
      and(
        eq(modelVersions.state, "ready"),
        or(inArray(modelVersions.cid, cids), inArray(modelVersions.plainCid, cids)),
      ),
    )
    .orderBy(desc(modelVersions.createdAt))
    .limit(1_000);
  if (versions.length === 0) return found;
  const rows = await modelRows(deps.db, [...new Set(versions.map(({ modelId }) => modelId))]);
  const ids = rows.map(({ id }) => id);
  const [groups, published, withheld, restricted] = await Promise.all([
    groupIdsOf(deps, userId),
    onchainOf(deps, ids),
    withheldFrom(deps, userId, rows),
    restrictedOf(deps.db, rows),
  ]);
  const models = new Map(rows.map((row) => [row.id, row]));
  for (const version of versions) {
    const model = models.get(version.modelId);
    if (!model || !version.cid) continue;
    const open = published.has(model.id) && version.servedAt !== null && !withheld.has(model.id);
    if (!groups.includes(model.groupId) && !open) continue;
    const weights = {
      cid: version.plainCid ?? version.cid,
      size: version.size,
      versionId: version.id,
      modelId: model.id,
      groupId: restricted.has(model.id) ? model.groupId : null,
    };
    for (const cid of [version.cid, version.plainCid]) {
      // Of several the one that most nodes may have.
      const known = cid ? found.get(cid) : undefined;
      if (cid && (!known || (known.groupId !== null && weights.groupId === null))) found.set(cid, weights);
    }
  }
  return found;
}

/**
 * The file of a version for a node whose job reads it.
 * @returns null when it is not there any more, or when the node may not have it
 */
export async function weightsForAttempt(
  deps: Deps,
  nodeId: string,
  { versionId }: Pick<InputWeights, "versionId">,
): Promise<Weights | null> {
  const version = await versionById(deps.db, versionId);
  const model = version && (await modelRow(deps.db, version.modelId));
  if (!model) return null;
  const restricted = (await restrictedOf(deps.db, [model])).has(model.id);
  if (restricted && !(await mayHaveProtected(deps, nodeId, model.groupId))) return null;
  return ready(model, version);
}

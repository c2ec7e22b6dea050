import { isImageDigest } from "@aiforge/contracts";
import { sql } from "drizzle-orm";
import type { Deps } from "../../deps.ts";
import { INACTIVE_SECONDS } from "../nodes/protocol.ts";
import { imageUnknown } from "./errors.ts";

export interface ResolvedImage {
  /** What was asked for. */
  ref: string;
  /** What a specification names. */
  digest: string;
}

/** `name` is `name:latest`; of `name:tag@sha256:…` the digest alone counts. */
function normal(image: string): string {
  const [name = "", digest] = image.split("@");
  const tagged = /:[^/]*$/.test(name);
  if (digest !== undefined) return `${tagged ? name.replace(/:[^/:]*$/, "") : name}@${digest}`;
  return tagged ? name : `${name}:latest`;
}

/**
 * The digest of an image. One that is named by a tag is what most of the nodes that are alive have under that name.
 * @throws AppError `image_unknown` (400)
 */
export async function resolveImage({ db }: Pick<Deps, "db">, ref: string): Promise<ResolvedImage> {
  if (isImageDigest(ref)) return { ref, digest: ref };
  const image = normal(ref);
  if (isImageDigest(image)) return { ref, digest: image };
  const { rows } = await db.execute<{ ref: string; digest: string }>(sql`
    SELECT image ->> 'ref' AS ref, image ->> 'digest' AS digest
      FROM app.nodes node, jsonb_array_elements(node.jobs -> 'images') image
     WHERE node.jobs_enabled AND node.deactivated_at IS NULL
       AND node.last_heartbeat_at > now() - make_interval(secs => ${INACTIVE_SECONDS})
     GROUP BY 1, 2 ORDER BY count(*) DESC, 2`);
  const found = rows.find((row) => normal(row.ref) === image);
  if (!found) throw imageUnknown(ref, [...new Set(rows.map((row) => row.ref))]);
  return { ref, digest: found.digest };
}

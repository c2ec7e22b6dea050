import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { ModelView, VersionView } from "../features/models/shapes.ts";
import { eventually, type TestApi } from "./harness.ts";
import { bodyOf, type TestUser } from "./users.ts";

/** Sends a request of the resumable upload protocol (tus 1.0). */
export async function tus(
  api: TestApi,
  user: TestUser | null,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: Uint8Array<ArrayBuffer>,
): Promise<Response> {
  return api.app.request(path, {
    method,
    body,
    headers: {
      "tus-resumable": "1.0.0",
      ...(user ? { authorization: `Bearer ${user.token}` } : {}),
      ...(body
        ? { "content-type": "application/offset+octet-stream", "content-length": String(body.length) }
        : {}),
      ...headers,
    },
  });
}

export function metadata(fields: Record<string, string>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString("base64")}`)
    .join(",");
}

/** Begins an upload. @returns its path */
export async function beginUpload(
  api: TestApi,
  user: TestUser,
  modelId: string,
  size: number,
  more: Record<string, string> = {},
): Promise<string> {
  const response = await tus(api, user, "POST", "/api/uploads", {
    "upload-length": String(size),
    "upload-metadata": metadata({ modelId, filename: "model.gguf", ...more }),
  });
  if (response.status !== 201) throw new Error(`The upload was refused: ${await response.text()}`);
  return response.headers.get("location")!;
}

/** Uploads a file in one piece and waits until it is processed. */
export async function uploadFile(
  api: TestApi,
  user: TestUser,
  modelId: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<NonNullable<ModelView["file"]>> {
  const path = await beginUpload(api, user, modelId, bytes.length);
  const response = await tus(api, user, "PATCH", path, { "upload-offset": "0" }, bytes);
  if (response.status !== 204) throw new Error(`The bytes were refused: ${await response.text()}`);
  return processedFile(user, modelId);
}

/** Uploads the next version of a model and waits until it is processed. */
export async function uploadVersion(
  api: TestApi,
  user: TestUser,
  modelId: string,
  bytes: Uint8Array<ArrayBuffer>,
  note = "",
): Promise<VersionView> {
  const path = await beginUpload(api, user, modelId, bytes.length, { note });
  const response = await tus(api, user, "PATCH", path, { "upload-offset": "0" }, bytes);
  if (response.status !== 204) throw new Error(`The bytes were refused: ${await response.text()}`);
  return eventually("the processing of the version", async () => {
    const [newest] = await versionsOf(user, modelId);
    return newest?.state === "ready" || newest?.state === "failed" ? newest : null;
  });
}

/** The versions of a model that a user sees, the newest first. */
export async function versionsOf(user: TestUser, modelId: string): Promise<VersionView[]> {
  const response = await user.call("GET", `/api/models/${modelId}/versions`);
  return (await bodyOf<{ versions: VersionView[] }>(response)).versions;
}

/** Waits until the file of a model is ready or failed. */
export function processedFile(user: TestUser, modelId: string): Promise<NonNullable<ModelView["file"]>> {
  return eventually("the processing of the upload", async () => {
    const { file } = await bodyOf<ModelView>(await user.call("GET", `/api/models/${modelId}`));
    return file?.state === "ready" || file?.state === "failed" ? file : null;
  });
}

/** Creates a model in the user's personal group. */
export async function createModel(
  user: TestUser,
  name = "Tiny",
  weights?: "open" | "protected",
): Promise<ModelView> {
  const { groups } = await bodyOf<{ groups: { id: string }[] }>(await user.call("GET", "/api/groups"));
  const response = await user.call("POST", "/api/models", {
    groupId: groups[0]!.id,
    name,
    description: "A tiny model.",
    license: "CC0-1.0",
    weights,
  });
  if (response.status !== 201) throw new Error(`The model was refused: ${await response.text()}`);
  return bodyOf<ModelView>(response);
}

/** The files of a folder and those under it that hold these bytes, as paths from it. */
export async function holdersOf(directory: string, needle: Uint8Array): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    // A file may go while we look.
    const bytes = await readFile(path).catch(() => null);
    if (bytes?.includes(Buffer.from(needle))) found.push(relative(directory, path));
  }
  return found.sort();
}

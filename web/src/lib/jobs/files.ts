import { ApiError } from "../api/http.ts";
import type { StoredFile } from "../api/types.ts";

export interface FileSending {
  file: File;
  onProgress(sent: number, total: number): void;
  signal: AbortSignal;
}

/**
 * Uploads an input of a job, as it is. `fetch` does not tell how far an upload is; this does.
 * @throws {ApiError}, also when it was stopped (`code: "stopped"`)
 */
export function sendFile({ file, onProgress, signal }: FileSending): Promise<StoredFile> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = (status: number, code: string, message: string, hint: string | null) =>
      reject(new ApiError(status, { code, message, hint }));
    request.open("POST", `/api/files?name=${encodeURIComponent(file.name.slice(0, 255))}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded, file.size);
    request.onload = () => {
      if (request.status === 201) return resolve(request.response as StoredFile);
      const error = (request.response as { error?: ConstructorParameters<typeof ApiError>[1] } | null)?.error;
      if (error?.message) return reject(new ApiError(request.status, error));
      fail(request.status, "unexpected", `The upload was refused (HTTP ${request.status}).`, "Try again.");
    };
    request.onerror = () => fail(0, "offline", "The connection was lost.", "Choose the file again.");
    request.onabort = () => fail(0, "stopped", "The upload was stopped.", null);
    signal.addEventListener("abort", () => request.abort(), { once: true });
    if (signal.aborted) return fail(0, "stopped", "The upload was stopped.", null);
    request.send(file);
  });
}

const encoded = (path: string) => path.split("/").map(encodeURIComponent).join("/");

/** Where an output of a job is downloaded. */
export const outputUrl = (jobId: string, path: string): string =>
  `/api/jobs/${encodeURIComponent(jobId)}/outputs/${encoded(path)}`;

/** Where an admin downloads what an attempt at anybody's job put out. */
export const judgedUrl = (jobId: string, attempt: number, path: string): string =>
  `/api/admin/jobs/${encodeURIComponent(jobId)}/attempts/${attempt}/outputs/${encoded(path)}`;

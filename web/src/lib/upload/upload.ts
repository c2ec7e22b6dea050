import { type DetailedError, Upload } from "tus-js-client";

/** A model file's upload: it goes on where it stopped, after a pause, a lost connection or a reload. */
export interface ModelUpload {
  /** Starts, or goes on. */
  start(): Promise<void>;
  pause(): Promise<void>;
}

export interface UploadParameters {
  file: File;
  modelId: string;
  /** What is new in this version. */
  note: string;
  /** Bytes that the server has, of all bytes. */
  onProgress(sent: number, total: number): void;
  onDone(): void;
  onError(message: string): void;
}

const GGUF_MAGIC = "GGUF";

/** What is wrong with a file, as far as a look at it shows; null when nothing is. The server looks again, closer. */
export async function checkFile(file: Blob & { name: string }): Promise<string | null> {
  if (file.size === 0) return "This file is empty.";
  const magic = await file.slice(0, 4).text();
  if (magic !== GGUF_MAGIC)
    return "This is not a GGUF file. Convert the model to GGUF first (llama.cpp can do it).";
  return null;
}

/** Source of the protocol: tus 1.0.0, https://tus.io/protocols/resumable-upload */
export function createModelUpload({
  file,
  modelId,
  note,
  onProgress,
  onDone,
  onError,
}: UploadParameters): ModelUpload {
  const upload = new Upload(file, {
    endpoint: "/api/uploads",
    metadata: { modelId, filename: file.name, ...(note && { note }) },
    retryDelays: [0, 1000, 3000, 5000, 10_000],
    removeFingerprintOnSuccess: true,
    // The same file may be uploaded to two models, so what is resumed is this file for this model.
    fingerprint: async () => `aiforge-${modelId}-${file.name}-${file.size}-${file.lastModified}`,
    onProgress,
    onSuccess: onDone,
    onError: (error) => onError(uploadProblem(error)),
  });
  return {
    async start() {
      const [earlier] = await upload.findPreviousUploads();
      if (earlier) upload.resumeFromPreviousUpload(earlier);
      upload.start();
    },
    pause: () => upload.abort(),
  };
}

/** The server's own words where it sent some. */
function uploadProblem(error: Error | DetailedError): string {
  const body = "originalResponse" in error ? error.originalResponse?.getBody() : undefined;
  if (body) {
    try {
      const parsed = JSON.parse(body) as { error?: { message?: string } };
      if (parsed.error?.message) return parsed.error.message;
    } catch {
      return body.slice(0, 300);
    }
  }
  return "The connection was lost. The upload goes on where it stopped when you press Resume.";
}

import { once } from "node:events";
import { PassThrough } from "node:stream";
import { DeleteObjectCommand, GetObjectCommand, HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import type { WeightsStore } from "./weights-store.ts";

export interface S3Options {
  bucket: string;
  endpoint?: string | undefined;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** Objects in a bucket of S3 or a server that speaks its protocol, under `weights/`. */
export function openS3Store({
  bucket,
  endpoint,
  region,
  accessKeyId,
  secretAccessKey,
}: S3Options): WeightsStore {
  const client = new S3Client({
    region,
    credentials: { accessKeyId, secretAccessKey },
    // Other servers than Amazon's expect the bucket in the path and do not know the newer checksums.
    ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const at = (key: string) => ({ Bucket: bucket, Key: `weights/${key}` });
  return {
    kind: "s3",
    writer: async (key) => {
      const body = new PassThrough({ highWaterMark: 4 * 1024 ** 2 });
      // 10,000 parts at most: 16 MiB each allow 156 GiB.
      const upload = new Upload({ client, params: { ...at(key), Body: body }, partSize: 16 * 1024 ** 2 });
      const done = upload.done();
      let failure: unknown;
      done.catch((error: unknown) => {
        failure = error;
        body.destroy();
      });
      return {
        write: async (bytes) => {
          if (failure) throw failure;
          if (!body.write(bytes)) await Promise.race([once(body, "drain"), done]);
        },
        close: async () => {
          body.end();
          await done;
        },
        abort: async () => {
          await upload.abort();
          body.destroy();
          await done.catch(() => undefined);
        },
      };
    },
    read: async (key, range) => {
      const Range = range && `bytes=${range.start}-${range.end}`;
      const { Body } = await client.send(new GetObjectCommand({ ...at(key), Range }));
      if (!Body) throw new Error("The object has no body");
      return Body.transformToWebStream() as ReadableStream<Uint8Array>;
    },
    remove: async (key) => {
      await client.send(new DeleteObjectCommand(at(key)));
    },
    check: async () => {
      await client.send(new HeadBucketCommand({ Bucket: bucket }));
    },
  };
}

import type Docker from "dockerode";
import { describe } from "../errors.ts";
import { type ContainerEngine, statusOf, within } from "./engine.ts";
import { JobError } from "./protocol.ts";

/** An image that the engine has. */
export interface Image {
  /** `sha256:…` */
  id: string;
  /** By which a job may name it: `name@sha256:…` of its registry, or of its id where it has none. */
  digest: string;
  arch: string;
  /** Folders that the image wants to have written to. */
  volumes: string[];
}

/** The operator's list, as the engine has it. */
export interface AllowedImage {
  ref: string;
  digest: string;
  arch: string;
}

const DIGEST = /sha256:[0-9a-f]{64}$/;

/** `name@sha256:…` and `name:tag` without what comes after the name. */
export function nameOf(ref: string): string {
  const bare = ref.replace(/@.*$/, "");
  const slash = bare.lastIndexOf("/");
  const colon = bare.indexOf(":", slash + 1);
  return colon === -1 ? bare : bare.slice(0, colon);
}

function imageOf(ref: string, found: Docker.ImageInspectInfo): Image {
  const name = nameOf(ref);
  const asked = DIGEST.exec(ref)?.[0];
  const known = (found.RepoDigests ?? []).filter((digest) => digest.startsWith(`${name}@`));
  const digest = known.find((each) => asked !== undefined && each.endsWith(asked)) ?? known[0];
  const local = name === "" || name.startsWith("sha256") ? found.Id : `${name}@${found.Id}`;
  return {
    id: found.Id,
    digest: digest ?? local,
    arch: found.Architecture,
    volumes: Object.keys(found.Config.Volumes ?? {}),
  };
}

/** The image that `ref` names, by registry digest, id or tag, if the engine has it. */
export async function findImage({ docker }: ContainerEngine, ref: string): Promise<Image | null> {
  const asked = DIGEST.exec(ref)?.[0];
  for (const name of asked === undefined ? [ref] : [ref, asked]) {
    try {
      const found = await within(docker.getImage(name).inspect());
      // An engine looks up a bare hash among ids only; what it gives must be what was asked for.
      const ours =
        asked === undefined ||
        found.Id === asked ||
        (found.RepoDigests ?? []).some((digest) => digest.endsWith(asked));
      if (ours) return imageOf(ref, found);
    } catch (error) {
      // 400: a name that this engine does not take, such as a local one with a digest.
      const status = statusOf(error);
      if (status !== 404 && status !== 400 && status !== 500) throw error;
    }
  }
  return null;
}

/**
 * Gets an image by digest, from its registry when the engine does not have it.
 * @param onProgress share of the layers' bytes that are here, 0 to 1
 * @throws JobError image_missing
 */
export async function ensureImage(
  engine: ContainerEngine,
  ref: string,
  signal: AbortSignal,
  onProgress: (share: number) => void = () => {},
): Promise<Image> {
  const present = await findImage(engine, ref);
  if (present) return present;
  if (nameOf(ref).startsWith("sha256") || nameOf(ref).startsWith("localhost/"))
    throw new JobError("image_missing", `The image ${ref} is not on this machine, and has no registry.`);
  try {
    await pull(engine, ref, signal, onProgress);
  } catch (error) {
    signal.throwIfAborted();
    throw new JobError("image_missing", `The image ${ref} cannot be fetched: ${describe(error)}`, {
      cause: error,
    });
  }
  const pulled = await findImage(engine, ref);
  if (pulled) return pulled;
  throw new JobError("image_missing", `What was fetched as ${ref} is another image.`);
}

interface PullEvent {
  id?: string;
  status?: string;
  error?: string;
  progressDetail?: { current?: number; total?: number };
}

async function pull(
  { docker }: ContainerEngine,
  ref: string,
  signal: AbortSignal,
  onProgress: (share: number) => void,
): Promise<void> {
  signal.throwIfAborted();
  // An engine says nothing before it has heard of the registry, and would go on waiting for it.
  const silent = new AbortController();
  const asked = docker.pull(ref, { abortSignal: AbortSignal.any([signal, silent.signal]) });
  const stream = (await within(asked).catch((error: unknown) => {
    silent.abort();
    throw error;
  })) as NodeJS.ReadableStream & { destroy(): void };
  const stop = () => stream.destroy();
  signal.addEventListener("abort", stop, { once: true });
  const layers = new Map<string, { current: number; total: number }>();
  try {
    await new Promise<void>((resolve, reject) => {
      stream.on("close", () => reject(new Error("the engine broke off")));
      docker.modem.followProgress(
        stream,
        (error) => (error ? reject(error) : resolve()),
        (event: PullEvent) => {
          if (event.error) reject(new Error(event.error));
          const { current, total } = event.progressDetail ?? {};
          if (event.status !== "Downloading" || !event.id || !total) return;
          layers.set(event.id, { current: current ?? 0, total });
          const sum = [...layers.values()].reduce(
            (all, layer) => ({ current: all.current + layer.current, total: all.total + layer.total }),
            { current: 0, total: 0 },
          );
          onProgress(sum.current / sum.total);
        },
      );
    });
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Which images of a list the engine has; a job may name them by these digests. */
export async function allowedImages(
  engine: ContainerEngine,
  refs: readonly string[],
): Promise<AllowedImage[]> {
  const found = await Promise.all(
    refs.map(async (ref) => {
      const image = await findImage(engine, ref);
      return image ? [{ ref, digest: image.digest, arch: image.arch }] : [];
    }),
  );
  return found.flat();
}

/** Whether a job's image is one of a list, by digest or id alone: tags can be moved. */
export function isAllowed(image: string, allowed: readonly AllowedImage[]): boolean {
  const asked = DIGEST.exec(image)?.[0];
  return asked !== undefined && allowed.some(({ digest }) => digest.endsWith(asked));
}

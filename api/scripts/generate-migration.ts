import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Nothing is released yet, so the one initial migration is rewritten rather than amended. */
const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
rmSync(path("../drizzle"), { recursive: true, force: true });
execFileSync(
  process.execPath,
  [path("../../node_modules/drizzle-kit/bin.cjs"), "generate", "--name", "initial"],
  {
    cwd: path(".."),
    stdio: "inherit",
  },
);

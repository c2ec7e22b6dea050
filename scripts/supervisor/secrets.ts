import { randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "./failure.ts";

/** What this data folder's services share and nobody else knows. */
export interface Secrets {
  /** Password of the embedded Postgres. */
  database: string;
  /** Signs sessions and tokens. */
  auth: string;
}

/**
 * Reads `<data>/secrets.json`, or makes it on the first start.
 * @throws Failure when the file is there and cannot be read
 */
export async function loadSecrets(dataDir: string): Promise<Secrets> {
  const file = join(dataDir, "secrets.json");
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text !== null) return parse(text, file);
  const secrets = { database: random(), auth: random() };
  await writeFile(`${file}.new`, JSON.stringify(secrets, null, 2), { mode: 0o600 });
  await rename(`${file}.new`, file);
  return secrets;
}

function parse(text: string, file: string): Secrets {
  try {
    const { database, auth } = JSON.parse(text);
    if (typeof database === "string" && typeof auth === "string") return { database, auth };
  } catch {
    // Said below, together with a file of another shape.
  }
  throw new Failure(`${file} cannot be read; put the old file back or start over with npm start -- --reset.`);
}

const random = () => randomBytes(32).toString("base64url");

import { randomBytes } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "./failure.ts";

/** What this data folder's services share and nobody else knows. */
export interface Secrets {
  /** Password of the embedded Postgres. */
  database: string;
  /** Signs sessions and tokens. */
  auth: string;
  /** Encrypts the keys of protected weights: whoever loses it loses those files. */
  weights: string;
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
  if (text === null) return keep({ database: random(), auth: random(), weights: random() }, file);
  const { weights, ...secrets } = parse(text, file);
  // A data folder from before weights were encrypted has no secret for them yet.
  return weights ? { ...secrets, weights } : keep({ ...secrets, weights: random() }, file);
}

async function keep(secrets: Secrets, file: string): Promise<Secrets> {
  const temporary = await open(`${file}.new`, "w", 0o600);
  try {
    await temporary.writeFile(JSON.stringify(secrets, null, 2));
    // Files are encrypted with it from now on: it must not be lost with the machine's power.
    await temporary.sync();
  } finally {
    await temporary.close();
  }
  await rename(`${file}.new`, file);
  return secrets;
}

function parse(text: string, file: string): Omit<Secrets, "weights"> & { weights?: string } {
  try {
    const { database, auth, weights } = JSON.parse(text);
    const known = weights === undefined || (typeof weights === "string" && weights !== "");
    if (typeof database === "string" && typeof auth === "string" && known) return { database, auth, weights };
  } catch {
    // Said below, together with a file of another shape.
  }
  throw new Failure(`${file} cannot be read; put the old file back or start over with npm start -- --reset.`);
}

const random = () => randomBytes(32).toString("base64url");

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Failure } from "./failure.ts";

/**
 * Path of the native anvil that npm installed (its npm wrapper would be one more process between it and its signals).
 * @throws Failure when there is none for this system
 */
export function anvilBinary(): string {
  const arch = process.arch === "arm64" ? "arm64" : "amd64";
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`;
  try {
    const require = createRequire(createRequire(import.meta.url).resolve("@foundry-rs/anvil/package.json"));
    const executable = process.platform === "win32" ? "anvil.exe" : "anvil";
    return join(dirname(require.resolve(`${name}/package.json`)), "bin", executable);
  } catch (error) {
    throw new Failure(
      `There is no embedded chain for ${process.platform}-${process.arch}; set RPC_URL_31337 to a development chain of yours.`,
      { cause: error },
    );
  }
}

import { writeFileSync } from "node:fs";
import { compiledFiles } from "./compiled.ts";

/** Rewrites `contracts/src/compiled` from the Solidity sources. */
for (const [name, content] of Object.entries(compiledFiles())) {
  writeFileSync(new URL(`../src/compiled/${name}`, import.meta.url), content);
  console.log(`contracts/src/compiled/${name}`);
}

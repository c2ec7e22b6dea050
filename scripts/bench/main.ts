import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { ROOT } from "../supervisor/config.ts";

const BENCHES: Record<string, string> = {
  gas: "contracts/bench/gas.ts",
  indexing: "indexer/bench/indexing.ts",
  gateway: "api/bench/gateway.ts",
  nodes: "scripts/bench/nodes.ts",
  tron: "indexer/bench/tron.ts",
};

const { values, positionals } = parseArgs({
  options: { json: { type: "boolean", default: false } },
  allowPositionals: true,
});
const unknown = positionals.find((name) => !(name in BENCHES));
if (unknown) {
  console.error(`There is no bench "${unknown}"; there are ${Object.keys(BENCHES).join(", ")}.`);
  process.exit(1);
}
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
const combined: Record<string, number> = {};
let failed = false;
for (const name of names) {
  if (!values.json) console.log(`\n── ${name}`);
  const { code, lastLine } = await measure(BENCHES[name] as string, values.json);
  if (code !== 0) {
    console.error(`The bench "${name}" failed (exit code ${code}).`);
    failed = true;
  } else if (values.json) {
    for (const [key, value] of Object.entries(JSON.parse(lastLine) as Record<string, number>)) {
      combined[names.length > 1 ? `${name}.${key}` : key] = value;
    }
  }
}
if (values.json) console.log(JSON.stringify(combined));
process.exit(failed ? 1 : 0);

/** Runs one bench; with `json` only its last line is wanted, and the rest is progress for stderr. */
function measure(file: string, json: boolean): Promise<{ code: number; lastLine: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...(json ? ["--json"] : [])], {
      cwd: ROOT,
      stdio: ["ignore", json ? "pipe" : "inherit", "inherit"],
    });
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      output += chunk;
    });
    child.once("error", reject);
    child.once("close", (code) => {
      const lines = output.trimEnd().split("\n");
      const lastLine = lines.pop() ?? "";
      if (lines.length > 0) console.error(lines.join("\n"));
      resolve({ code: code ?? 1, lastLine });
    });
  });
}

// `npm run bench`: gets Node 24 and the dependencies, then measures.
import { bootstrap, reportAndExit, run } from "./bootstrap.mjs";

try {
  // A result that is read by a program keeps stdout to itself.
  const { node, env } = await bootstrap({ output: process.stderr });
  process.exit(await run(node, ["scripts/bench/main.ts", ...process.argv.slice(2)], { env }));
} catch (error) {
  reportAndExit(error);
}

// `npm test`: gets Node 24 and the dependencies, then runs every check and every test.
import { bootstrap, reportAndExit, run } from "./bootstrap.mjs";

try {
  const { node, env } = await bootstrap();
  process.exit(await run(node, ["scripts/suite/main.ts", ...process.argv.slice(2)], { env }));
} catch (error) {
  reportAndExit(error);
}

// `npm run check`: type-check and lint, without the tests.
import { bootstrap, reportAndExit, run } from "./bootstrap.mjs";

try {
  const { node, env } = await bootstrap();
  process.exit(await run(node, ["scripts/suite/main.ts", "checks"], { env }));
} catch (error) {
  reportAndExit(error);
}

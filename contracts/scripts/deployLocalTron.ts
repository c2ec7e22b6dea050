import { deployLocalTron } from "../src/localTron.ts";

const [url, file] = process.argv.slice(2);
if (!url || !file) {
  console.error(
    "node contracts/scripts/deployLocalTron.ts URL FILE: deploys to a tron-devnet, and keeps where in FILE",
  );
  process.exitCode = 2;
} else {
  await deployLocalTron({ url, file, log: (line) => console.log(line) });
}

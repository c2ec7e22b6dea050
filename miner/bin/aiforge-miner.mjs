#!/usr/bin/env node
// Plain JavaScript on purpose: an older Node must be able to read this far and say what is wrong.
const [major = 0] = process.versions.node.split(".").map(Number);
if (major < 24) {
  console.error(
    `aiforge-miner needs Node.js 24 or newer; this is ${process.version}. Get it from https://nodejs.org.`,
  );
  process.exit(1);
}
const { main } = await import("../src/cli.ts");
await main(process.argv);

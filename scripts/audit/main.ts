import { runAudit } from "./cli.ts";

process.exitCode = await runAudit(process.argv.slice(2), (line) => console.log(line));

import { runAudit } from "./cli.ts";

const print = (line: string) => console.log(line);

// Over a long chain this takes minutes. Not for a file that the output goes to.
let said = 0;
const onTerminal = process.stderr.isTTY;
process.exitCode = await runAudit(process.argv.slice(2), print, ({ of, done, all }) => {
  const now = Date.now();
  if (!onTerminal || (now - said < 500 && done < all)) return;
  said = now;
  process.stderr.write(done < all ? `\rReading the chain: ${done} of ${all} ${of}` : "\r\x1b[K");
});

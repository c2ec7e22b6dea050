/** A watcher that ends itself, as by `kill -9`, at a step of a block's commit. */
import { runWatcher } from "../../tron/watcher.ts";
import { configFor } from "./support.ts";

const [step, block] = process.argv.slice(2);
const { VICTIM_DATABASE = "", VICTIM_NODE = "" } = process.env;
await runWatcher(configFor(VICTIM_DATABASE, [VICTIM_NODE]), {
  signal: new AbortController().signal,
  log: (line) => console.log(line),
  onStep: (reached, number) => {
    if (reached === step && number === Number(block)) process.kill(process.pid, "SIGKILL");
  },
});

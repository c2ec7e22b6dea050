/**
 * A watcher that ends itself, as by `kill -9`, before the nth statement of a transaction, BEGIN being the first; where
 * that has fewer, right after its COMMIT. Which transaction is told by the function that begins it.
 */
import { writeSync } from "node:fs";
import pg from "pg";
import { runWatcher } from "../../tron/watcher.ts";
import { configFor } from "./support.ts";

const [writer, at] = process.argv.slice(2);
const { VICTIM_DATABASE = "", VICTIM_NODE = "", VICTIM_ENV = "{}" } = process.env;

/** How many statements of the transaction were sent, by who sends them. */
const sent = new WeakMap<object, number>();

function end(said: string): never {
  writeSync(1, said);
  process.kill(process.pid, "SIGKILL");
  throw new Error("It goes on after SIGKILL");
}

/** Name of the function that calls `inTransaction`. */
const beginner = () => /inTransaction .*\n\s+at (?:\w+\.)?#?(\w+)/.exec(new Error().stack ?? "")?.[1];

const { query } = pg.Client.prototype;
Object.assign(pg.Client.prototype, {
  query(this: pg.Client, ...args: [string | { text: string }]): unknown {
    const text = typeof args[0] === "string" ? args[0] : args[0].text;
    if (text === "BEGIN" && beginner() === writer) sent.set(this, 0);
    const before = sent.get(this);
    if (before === undefined) return Reflect.apply(query, this, args);
    if (before + 1 === Number(at)) end(`before ${text}`);
    sent.set(this, before + 1);
    const answer: Promise<unknown> = Reflect.apply(query, this, args);
    return text === "COMMIT" ? answer.then(() => end("committed")) : answer;
  },
});

// Whoever waits for the kill is not to wait for ever.
setTimeout(() => process.exit(1), 120_000);
await runWatcher(configFor(VICTIM_DATABASE, [VICTIM_NODE], JSON.parse(VICTIM_ENV)), {
  signal: new AbortController().signal,
  log: (line) => console.error(line),
});

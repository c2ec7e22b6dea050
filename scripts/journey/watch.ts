import { setTimeout as sleep } from "node:timers/promises";

/** Looks at a page again and again. @returns a function that ends it, once the look that is under way is over */
export function watch(look: () => Promise<void>): () => Promise<void> {
  let watching = true;
  const done = (async () => {
    while (watching) {
      await look();
      await sleep(50);
    }
  })();
  return async () => {
    watching = false;
    await done;
  };
}

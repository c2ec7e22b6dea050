export type Write = (text: string) => void;

const STILL_MS = 60_000;

/**
 * Runs something beside others that write to the same terminal, so that their lines do not mix.
 * @param held keeps the output, saying once a minute that it still runs, and writes it whole at the end; else each line
 *   is written when it is complete
 * @param everyMs between two such lines, in milliseconds
 */
export async function beside<T>(
  title: string,
  write: Write,
  held: boolean,
  run: (write: Write) => Promise<T>,
  everyMs = STILL_MS,
): Promise<T> {
  let rest = "";
  const started = Date.now();
  const still = () => write(`… ${title}: ${Math.round((Date.now() - started) / 60_000)} min so far\n`);
  const timer = held ? setInterval(still, everyMs) : undefined;
  try {
    return await run((text) => {
      rest += text;
      const complete = held ? 0 : rest.lastIndexOf("\n") + 1;
      if (complete > 0) write(rest.slice(0, complete));
      rest = rest.slice(complete);
    });
  } finally {
    clearInterval(timer);
    if (rest) write(rest.endsWith("\n") ? rest : `${rest}\n`);
  }
}

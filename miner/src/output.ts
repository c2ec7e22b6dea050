import { Listr, type ListrTask } from "listr2";

/** Prints a value as one JSON document; amounts are strings already. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function printLine(text = ""): void {
  process.stdout.write(`${text}\n`);
}

/** Columns side by side; those of `right` end under each other. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = rows.reduce<number[]>(
    (all, row) => row.map((cell, at) => Math.max(all[at] ?? 0, cell.length)),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((cell, at) =>
          right.includes(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/**
 * Runs steps one after another, or at once, showing how far they are: live at a terminal, a line each elsewhere, and
 * nothing where JSON is printed.
 */
export async function progress<T extends object>(
  tasks: ListrTask<T>[],
  context: T,
  { json, concurrent = false, live = false }: { json: boolean; concurrent?: boolean; live?: boolean },
): Promise<T> {
  const terminal = process.stdout.isTTY === true;
  const list = new Listr(tasks, {
    concurrent,
    ctx: context,
    // Where the outcome is printed anyway, steps are shown only while somebody watches.
    renderer: json || (live && !terminal) ? "silent" : terminal ? "default" : "simple",
    // The signals are the commands' own.
    registerSignalListeners: false,
  });
  await list.run();
  return context;
}

/** How long ago, in words. */
export function ago(time: string | null | undefined): string {
  if (!time) return "never";
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1_000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3_600)} h ago`
    : `${Math.round(seconds / 86_400)} days ago`;
}

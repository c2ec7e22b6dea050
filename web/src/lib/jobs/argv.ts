/**
 * Reads a command as people type it: arguments with spaces between, quotes around what has spaces in it. Nothing is
 * expanded, as no shell runs it. @returns the arguments, or what is wrong, in words
 */
export function readArgv(text: string): { argv: string[] } | { problem: string } {
  const argv: string[] = [];
  let current: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === "\\" && quote !== "'") {
      const next = text[at + 1];
      if (next === undefined) return { problem: "The command ends with a lone backslash." };
      // Between double quotes a backslash is itself, unless it stands before a quote or another one.
      const escapes = quote === null || next === '"' || next === "\\";
      current = (current ?? "") + (escapes ? next : char);
      if (escapes) at++;
    } else if (quote) {
      if (char === quote) quote = null;
      else current += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      current ??= "";
    } else if (/\s/.test(char)) {
      if (current !== null) argv.push(current);
      current = null;
    } else {
      current = (current ?? "") + char;
    }
  }
  if (quote) return { problem: `A quote (${quote}) is never closed.` };
  if (current !== null) argv.push(current);
  return { argv };
}

/** The arguments as one would type them: what `readArgv` reads back. */
export function writeArgv(argv: readonly string[]): string {
  return argv
    .map((argument) => (/^[^\s"'\\]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`))
    .join(" ");
}

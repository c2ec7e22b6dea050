/** A hash or address for people: "0x90F7…b906". The whole of it belongs in a title or behind a copy button. */
export function shorten(value: string): string {
  return value.length <= 14 ? value : `${value.slice(0, 6)}…${value.slice(-4)}`;
}

/** Which of the six temper colours a recipient has, by their position in the split. */
export function temper(position: number): string {
  return `var(--temper-${(position % 6) + 1})`;
}

export const PLATFORM_COLOUR = "var(--platform)";

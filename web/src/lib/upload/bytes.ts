const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** A size for people, in powers of 1000: 4_300_000 is "4.3 MB". */
export function showBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, "")} ${UNITS[unit]}`;
}

/** A count for people: 1_100_000_000 is "1.1 B". */
export function showCount(count: number): string {
  const scale = [
    [1e12, " T"],
    [1e9, " B"],
    [1e6, " M"],
    [1e3, " K"],
  ] as const;
  for (const [size, unit] of scale) {
    if (count >= size)
      return `${(count / size).toFixed(count / size >= 100 ? 0 : 1).replace(/\.0$/, "")}${unit}`;
  }
  return String(count);
}

/** How long something still takes at the speed so far, in words; empty while that is unknown. */
export function showRemaining(sent: number, total: number, elapsedMs: number): string {
  if (sent <= 0 || elapsedMs < 1000 || sent >= total) return "";
  const seconds = Math.ceil(((total - sent) / sent) * (elapsedMs / 1000));
  if (seconds < 60) return `about ${seconds} s left`;
  if (seconds < 3600) return `about ${Math.ceil(seconds / 60)} min left`;
  return `about ${Math.ceil(seconds / 3600)} h left`;
}

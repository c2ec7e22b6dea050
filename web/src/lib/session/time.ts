const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const TIME = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});

/** "21 Nov 2026", or a dash for none. */
export function showDate(iso: string | null | undefined): string {
  return iso ? DATE.format(new Date(iso)) : "–";
}

/** "21 Nov 2026, 14:05", or a dash for none. */
export function showTime(iso: string | null | undefined): string {
  return iso ? TIME.format(new Date(iso)) : "–";
}

const ISO = /\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/g;

/** A sentence of the service's with its ISO times shown as all others are. */
export function withTimes(text: string): string {
  return text.replace(ISO, showTime);
}

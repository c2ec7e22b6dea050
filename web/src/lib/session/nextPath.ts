/** Where to go after signing in: a path of this site, never another one. */
export function nextPath(next: string | null): string {
  if (!next) return "/marketplace";
  try {
    const base = "http://aiforge.invalid";
    const url = new URL(next, base);
    return url.origin === base && next.startsWith("/") ? url.pathname + url.search : "/marketplace";
  } catch {
    return "/marketplace";
  }
}

import { randomBytes } from "node:crypto";

/** A model's name as it stands in addresses and API calls: `Tiny Chat (Q8)` → `tiny-chat-q8`. */
export function slugOf(name: string): string {
  const slug = name
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, "-")
    .replaceAll(/^[-.]+|[-.]+$/g, "")
    .slice(0, 60)
    .replace(/[-.]+$/, "");
  return slug || "model";
}

/** The slug for when `slug` is taken. */
export function otherSlug(slug: string): string {
  return `${slug}-${randomBytes(3).toString("hex")}`;
}

import { z } from "@hono/zod-openapi";

// Control characters break logs and terminals; direction overrides let one name pass for another.
const UNPRINTABLE = /[\p{Cc}\u202A-\u202E\u2066-\u2069]/u;
const UNPRINTABLE_BUT_LINES = /[^\P{Cc}\n\t]|[\u202A-\u202E\u2066-\u2069]/u;
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

/** One line of text for people: trimmed, Unicode NFC, 1 to `max` characters, without control characters, not blank. */
export function label(max: number) {
  return z
    .string()
    .max(max * 4)
    .trim()
    .normalize("NFC")
    .min(1)
    .max(max)
    .refine((text) => !UNPRINTABLE.test(text), "contains characters that cannot be shown")
    .refine((text) => VISIBLE.test(text), "has nothing in it that can be seen");
}

/** Several lines of text for people: trimmed, Unicode NFC, at most `max` characters. */
export function paragraphs(max: number) {
  return z
    .string()
    .max(max * 4)
    .trim()
    .normalize("NFC")
    .max(max)
    .refine((text) => !UNPRINTABLE_BUT_LINES.test(text), "contains characters that cannot be shown");
}

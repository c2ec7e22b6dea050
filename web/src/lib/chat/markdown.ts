import DOMPurify from "dompurify";
import { Marked } from "marked";

const marked = new Marked({ gfm: true, breaks: true });

/**
 * A model's markdown as HTML that is safe to insert: no scripts, no handlers, no forms, no pictures from elsewhere
 * (a picture's address could carry the conversation to another server). Browser only.
 */
export function renderMarkdown(text: string): string {
  const html = marked.parse(closeFence(text), { async: false });
  return DOMPurify.sanitize(html, {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ["img", "picture", "video", "audio", "source", "form", "input", "button", "style"],
    FORBID_ATTR: ["style", "id", "name"],
    ADD_ATTR: ["target"],
  });
}

/** While an answer streams, its last code block may not be closed yet; closed here, it does not swallow the page. */
export function closeFence(text: string): string {
  const fences = text.match(/^ {0,3}(```|~~~)/gm) ?? [];
  return fences.length % 2 === 1 ? `${text}\n${fences.at(-1)?.trim()}` : text;
}

/** The little of SVG that the pictures of results need. Sizes in pixels. */

const escaped = (text: string) =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`).replace(/\s+/g, " ");

export const INK = "#1c1b22";
export const FAINT = "#6b6a75";
export const LINE = "#e3e2e8";
export const FIRST = "#4f46e5";
export const SECOND = "#d97706";

interface TextOptions {
  size?: number;
  fill?: string;
  anchor?: "start" | "middle" | "end";
  weight?: number;
}

export function text(x: number, y: number, content: string, options: TextOptions = {}): string {
  const { size = 13, fill = INK, anchor = "start", weight = 400 } = options;
  return `<text x="${x}" y="${y}" font-size="${size}" fill="${fill}" text-anchor="${anchor}" font-weight="${weight}">${escaped(content)}</text>`;
}

export function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${LINE}"/>`;
}

export function curve(points: [x: number, y: number][], stroke: string): string {
  const path = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  return `<polyline points="${path}" fill="none" stroke="${stroke}" stroke-width="2" stroke-linejoin="round"/>`;
}

/** At most `length` characters. */
export const shorten = (content: string, length: number) =>
  content.length > length ? `${content.slice(0, length - 1).trimEnd()}…` : content;

export function picture(width: number, height: number, title: string, parts: string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" role="img">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" rx="8" fill="#fff"/>
${parts.join("\n")}
</svg>
`;
}

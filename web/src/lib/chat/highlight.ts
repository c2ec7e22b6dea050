import type { HighlighterCore } from "shiki/core";

const LANGUAGES: Record<string, string> = {
  bash: "bash",
  sh: "bash",
  shell: "bash",
  curl: "bash",
  js: "javascript",
  javascript: "javascript",
  ts: "typescript",
  typescript: "typescript",
  py: "python",
  python: "python",
  json: "json",
  html: "html",
  css: "css",
  sql: "sql",
  rust: "rust",
  rs: "rust",
  go: "go",
  solidity: "solidity",
  sol: "solidity",
};

let highlighter: Promise<HighlighterCore> | undefined;

/** Loaded with the first code block. The JavaScript engine needs no WebAssembly, so the page's CSP stays strict. */
async function load(): Promise<HighlighterCore> {
  const [{ createHighlighterCore }, { createJavaScriptRegexEngine }] = await Promise.all([
    import("shiki/core"),
    import("shiki/engine/javascript"),
  ]);
  return createHighlighterCore({
    engine: createJavaScriptRegexEngine({ forgiving: true }),
    themes: [
      import("shiki/themes/github-light-high-contrast.mjs"),
      import("shiki/themes/github-dark-high-contrast.mjs"),
    ],
    langs: [
      import("shiki/langs/bash.mjs"),
      import("shiki/langs/javascript.mjs"),
      import("shiki/langs/typescript.mjs"),
      import("shiki/langs/python.mjs"),
      import("shiki/langs/json.mjs"),
      import("shiki/langs/html.mjs"),
      import("shiki/langs/css.mjs"),
      import("shiki/langs/sql.mjs"),
      import("shiki/langs/rust.mjs"),
      import("shiki/langs/go.mjs"),
      import("shiki/langs/solidity.mjs"),
    ],
  });
}

/** Colours the code blocks inside an element, in place. Blocks in a language that is not known stay plain. */
export async function highlightCode(element: HTMLElement): Promise<void> {
  const blocks = [
    ...element.querySelectorAll<HTMLElement>("pre > code[class*='language-']:not([data-coloured])"),
  ];
  for (const block of blocks) {
    const name = /language-([\w+#-]+)/.exec(block.className)?.[1]?.toLowerCase() ?? "";
    const lang = LANGUAGES[name];
    if (!lang) continue;
    highlighter ??= load();
    const { tokens } = (await highlighter).codeToTokens(block.textContent ?? "", {
      lang,
      themes: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
      defaultColor: "light-dark()",
    });
    // Built node by node: the code itself is never read as HTML.
    const lines = tokens.flatMap((line, i) => [
      ...(i ? [document.createTextNode("\n")] : []),
      ...line.map(({ content, htmlStyle }) => {
        const span = document.createElement("span");
        for (const [property, value] of Object.entries(htmlStyle ?? {}))
          span.style.setProperty(property, value);
        span.textContent = content;
        return span;
      }),
    ]);
    block.dataset.coloured = "";
    block.replaceChildren(...lines);
  }
}

import { describe, expect, it } from "vitest";
import { closeFence } from "./markdown.ts";

describe("a code block that is still streaming", () => {
  it("is closed for now", () => {
    expect(closeFence("a\n```js\nlet x")).toBe("a\n```js\nlet x\n```");
    expect(closeFence("a\n```js\nlet x\n```\nb")).toBe("a\n```js\nlet x\n```\nb");
    expect(closeFence("~~~\nx")).toBe("~~~\nx\n~~~");
  });
});

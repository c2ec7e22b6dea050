import { describe, expect, it } from "vitest";
import { contentCid } from "./contentCid.ts";

/* Both are known from many tools: `ipfs add --cid-version=1` of these bytes. */
describe("the CID of content", () => {
  it("is the raw hash of what fits a block", () => {
    expect(contentCid(new TextEncoder().encode("hello world"))).toBe(
      "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
    );
    expect(contentCid(new Uint8Array())).toBe("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
  });

  it("changes with any byte, also behind the first block", () => {
    const bytes = new Uint8Array(2 * 1024 ** 2 + 7);
    const cid = contentCid(bytes);
    expect(cid).toMatch(/^bafybei/);
    bytes[bytes.length - 1] = 1;
    expect(contentCid(bytes)).not.toBe(cid);
  });
});

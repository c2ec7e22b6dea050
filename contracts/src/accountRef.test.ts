import { describe, expect, it } from "vitest";
import { accountRef, InvalidUuidError, modelSalt, parseAccountRef } from "./accountRef.ts";

const ID = "3b241101-e2bb-4255-8caf-4136c566a962";

describe("accountRef", () => {
  it("is the kind, 15 zero bytes and the UUID", () => {
    expect(accountRef("user", ID)).toBe(`0x01${"0".repeat(30)}3b241101e2bb42558caf4136c566a962`);
    expect(accountRef("group", ID)).toBe(`0x02${"0".repeat(30)}3b241101e2bb42558caf4136c566a962`);
    expect(accountRef("user", ID.toUpperCase())).toBe(accountRef("user", ID));
  });

  it.each(["", "3b241101", `${ID} `, `{${ID}}`, ID.replaceAll("-", ""), `${ID.slice(0, -1)}g`, `${ID}\n`])(
    "refuses %j",
    (id) => {
      expect(() => accountRef("user", id)).toThrow(InvalidUuidError);
      expect(() => modelSalt(id)).toThrow(InvalidUuidError);
    },
  );
});

describe("parseAccountRef", () => {
  it.each(["user", "group"] as const)("reads a %s back", (kind) => {
    expect(parseAccountRef(accountRef(kind, ID))).toEqual({ kind, id: ID });
    expect(parseAccountRef(accountRef(kind, ID).toUpperCase().replace("0X", "0x"))).toEqual({ kind, id: ID });
  });

  it.each([
    `0x${"0".repeat(64)}`,
    `0x03${"0".repeat(30)}${"a".repeat(32)}`,
    `0x01${"0".repeat(29)}1${"a".repeat(32)}`,
    `0x01${"0".repeat(30)}${"a".repeat(31)}`,
    "0x",
    "",
  ])("knows nobody by %s", (ref) => expect(parseAccountRef(ref)).toBeNull());
});

describe("modelSalt", () => {
  it("is the UUID, left-padded", () => {
    expect(modelSalt(ID)).toBe(`0x${"0".repeat(32)}3b241101e2bb42558caf4136c566a962`);
  });
});

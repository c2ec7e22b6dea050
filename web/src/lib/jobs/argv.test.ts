import { describe, expect, it } from "vitest";
import { readArgv, writeArgv } from "./argv.ts";

describe("a command as typed", () => {
  it.each<[string, string[]]>([
    ["node /in/main.mjs --steps 100", ["node", "/in/main.mjs", "--steps", "100"]],
    ["  node\n\t-e 'a b'  ", ["node", "-e", "a b"]],
    [`sh -c "echo \\"hi\\" > /out/x"`, ["sh", "-c", 'echo "hi" > /out/x']],
    [`a"b c"d'e f'`, ["ab cde f"]],
    [`node '' ""`, ["node", "", ""]],
    ["a\\ b", ["a b"]],
    [`'$HOME' "$HOME\\n"`, ["$HOME", "$HOME\\n"]],
    ["", []],
  ])("reads %j", (text, argv) => {
    expect(readArgv(text)).toEqual({ argv });
  });

  it("says what is wrong with it", () => {
    expect(readArgv("node 'a")).toEqual({ problem: "A quote (') is never closed." });
    expect(readArgv("node \\")).toEqual({ problem: "The command ends with a lone backslash." });
  });

  it.each([
    [["node", "/in/main.mjs"]],
    [["sh", "-c", `it's "so"\nwith \\ and $x`]],
    [["", " ", "'"]],
    [["ä", "日本 語", "a\\b"]],
  ])("writes %j so that it reads the same", (argv) => {
    expect(readArgv(writeArgv(argv))).toEqual({ argv });
  });
});

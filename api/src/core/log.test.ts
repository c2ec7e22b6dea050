import { DrizzleQueryError } from "drizzle-orm/errors";
import { expect, it } from "vitest";
import { AppError } from "./errors.ts";
import { createLogger } from "./log.ts";

it("tells of a failed query without what was in it, however deep the error is", () => {
  const lines: string[] = [];
  const log = createLogger("info", { write: (line) => void lines.push(line) });
  const failed = new DrizzleQueryError(
    "select 1 where token = $1",
    ["a-session's\ntoken", 7],
    new Error("gone"),
  );
  log.error({ err: failed }, "one");
  log.error({ err: new AppError("internal", 500, "Oh", { cause: failed }) }, "two");
  log.error({ err: "not an error" }, "three");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toContain("select 1 where token = $1");
  expect(lines[0]).toContain("gone");
  expect(lines.join()).not.toContain("a-session");
});

import { expect, test } from "vitest";
import { answeredTurns, answerTokens, fitTurns, promptBudget } from "./prompt.ts";

const user = (content: string) => ({ role: "user" as const, content });
const assistant = (content: string) => ({ role: "assistant" as const, content });

test("questions that were never answered are left out, but for the newest", () => {
  const turns = [user("a"), assistant("A"), user("stopped"), user("failed"), user("newest")];
  expect(answeredTurns(turns)).toEqual([user("a"), assistant("A"), user("newest")]);
  expect(answeredTurns([user("only")])).toEqual([user("only")]);
  expect(answeredTurns([])).toEqual([]);
});

test("the oldest turns go first, the newest stays whatever its length, and a user begins", () => {
  const turns = [user("x".repeat(300)), assistant("y".repeat(300)), user("newest")];
  expect(fitTurns(turns, 10_000)).toEqual(turns);
  expect(fitTurns(turns, 150)).toEqual([user("newest")]);
  expect(fitTurns(turns, 0)).toEqual([user("newest")]);
});

test("answer and prompt share the context", () => {
  expect(answerTokens(1024) + promptBudget(1024)).toBe(1024);
  expect(answerTokens(1_000_000)).toBe(2048);
});

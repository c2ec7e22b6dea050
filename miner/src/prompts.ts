import enquirer from "enquirer";
import { MinerError } from "./errors.ts";

/** Questions at a terminal. Ctrl-C at any of them ends the command, and nothing was done. */

async function ask<T>(question: object): Promise<T> {
  try {
    const { answer } = await enquirer.prompt<{ answer: T }>({ ...question, name: "answer" } as never);
    return answer;
  } catch (error) {
    throw new MinerError("Stopped: nothing was changed.", { cause: error });
  }
}

export function input(
  message: string,
  initial: string,
  validate: (text: string) => true | string = () => true,
): Promise<string> {
  return ask({ type: "input", message, initial, validate });
}

/** What is typed is not shown. */
export function secret(message: string, validate: (text: string) => true | string): Promise<string> {
  return ask({ type: "password", message, validate });
}

export function confirm(message: string): Promise<boolean> {
  return ask({ type: "confirm", message, initial: false });
}

/** @returns the key of the choice */
export function select<K extends string>(message: string, choices: Record<K, string>): Promise<K> {
  const list = Object.entries<string>(choices).map(([name, text]) => ({ name, message: text }));
  return ask({ type: "select", message, choices: list });
}

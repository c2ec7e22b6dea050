import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { discover } from "./discover.ts";
import type { TronChoice } from "./types.ts";

let page: EventTarget & { setTimeout: typeof setTimeout; tron?: object; tronLink?: object };
let choices: TronChoice[];
const names = () => choices.map(({ id, name }) => `${id} ${name}`);
const announced = (rdns: string, name: string, icon = "data:image/png;base64,AA") => {
  const detail = { info: { uuid: "1", rdns, name, icon }, provider: { request: async () => [] } };
  return new CustomEvent("TIP6963:announceProvider", { detail });
};
const look = () =>
  discover(page as never, (found) => {
    choices = found;
  });

beforeEach(() => {
  vi.useFakeTimers();
  choices = [];
  page = Object.assign(new EventTarget(), { setTimeout });
});
afterEach(() => vi.useRealTimers());

it("finds wallets that announce themselves, also later, each once", () => {
  page.addEventListener("TIP6963:requestProvider", () =>
    page.dispatchEvent(announced("org.tronlink.www", "TronLink")),
  );
  look();
  page.dispatchEvent(announced("com.example.wallet", "Example", "https://example.com/icon.png"));
  page.dispatchEvent(announced("com.example.wallet", "Example again"));
  page.dispatchEvent(new CustomEvent("TIP6963:announceProvider", { detail: {} }));
  expect(names()).toEqual(["tron:org.tronlink.www TronLink", "tron:com.example.wallet Example"]);
  // A picture from elsewhere would tell its host who is here.
  expect(choices.map(({ icon }) => icon)).toEqual(["data:image/png;base64,AA", null]);
});

it("finds a wallet that announces nothing, also when it comes after the page", () => {
  look();
  expect(choices).toEqual([]);
  page.tronLink = { ready: true };
  vi.runAllTimers();
  expect(names()).toEqual(["tron:org.tronlink.www TronLink"]);
});

it("finds another wallet as window.tron where nothing was announced", () => {
  page.tron = { request: async () => [] };
  look();
  vi.runAllTimers();
  expect(names()).toEqual(["tron:window.tron Tron wallet"]);
});

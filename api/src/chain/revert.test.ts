import { RpcRequestError } from "viem";
import { expect, it } from "vitest";
import { isRevert } from "./revert.ts";

const answered = (error: { code: number; message: string; data?: unknown }) =>
  new RpcRequestError({ body: {}, error, url: "http://node.example" });
const QUOTA = { code: -32005, message: "daily request count exceeded" };
const REVERT = { code: 3, message: "execution reverted" };

it.each([undefined, null, "quota", { rate: 1 }, { data: null }])(
  "takes a refusal with data %j for no revert",
  (data) => {
    expect(isRevert(answered({ ...QUOTA, data }))).toBe(false);
  },
);

it.each([undefined, null, "0x", { data: "0x" }])("knows a revert with data %j", (data) => {
  expect(isRevert(answered({ ...REVERT, data }))).toBe(true);
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, publishedModel } from "../../testing/market.ts";
import { quote } from "../../testing/plain-transfers.ts";
import { bodyOf, send, type TestWalletUser, walletUser } from "../../testing/users.ts";

/** Two instances over one database. */
let instances: TestApi[];
let user: TestWalletUser;

beforeAll(async () => {
  const env = { QUOTES_PER_ACCOUNT: "4", VERIFICATIONS_PER_ACCOUNT: "3" };
  instances = [await createTestApi(env), await createTestApi(env)];
  user = await walletUser(instances[0]!);
});
afterAll(() => Promise.all(instances.map((api) => api.close())));

/** Asks the instances in turn. */
async function askInTurn(times: number, path: string, body: object, who = user): Promise<Response[]> {
  const answers: Response[] = [];
  for (let at = 0; at < times; at++) {
    const headers = { authorization: `Bearer ${who.token}` };
    answers.push(await send(instances[at % 2]!, "POST", path, body, headers));
  }
  return answers;
}

const plan = ({ wallet }: TestWalletUser) => ({
  purpose: "plan",
  plan: 1,
  wallet: wallet.address,
  chain: CHAIN,
});

async function expectRefused(answer: Response, within: number): Promise<void> {
  const { error } = await bodyOf<{ error: { code: string; hint: string; retryable: boolean } }>(answer);
  const seconds = Number(answer.headers.get("retry-after"));
  expect([answer.status, error.code, error.retryable]).toEqual([429, "too_many_attempts", true]);
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(within);
  expect(error.hint).toBe(`Try again in ${seconds} seconds.`);
}

describe("how often an account may ask, whatever instance it asks", () => {
  it("for a quote, by whichever route", async () => {
    const creator = await fundedUser(instances[0]!);
    const model = await publishedModel(instances[0]!, creator);
    const answers = await askInTurn(4, "/api/payments/create", plan(user));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const [fifth] = await askInTurn(1, "/api/payments/create", plan(user));
    await expectRefused(fifth!, 900);
    const body = { wallet: user.wallet.address, chain: CHAIN, months: 1 };
    const [other] = await askInTurn(1, `/api/marketplace/${model.id}/subscribe`, body);
    await expectRefused(other!, 900);
    const else_ = await walletUser(instances[0]!);
    const [foreign] = await askInTurn(1, "/api/payments/create", plan(else_), else_);
    expect(foreign!.status).toBe(200);
  });

  it("where a transaction stands", async () => {
    const asker = await walletUser(instances[0]!);
    const { id: paymentId } = await quote(asker, { purpose: "plan", plan: 1 });
    const body = { paymentId, txHash: `0x${"1".repeat(64)}` };
    const answers = await askInTurn(3, "/api/payments/verify", body, asker);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const [fourth] = await askInTurn(1, "/api/payments/verify", body, asker);
    await expectRefused(fourth!, 60);
  });
});

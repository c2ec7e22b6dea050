import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eq, sql } from "drizzle-orm";
import { Webhook } from "standardwebhooks";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { seal } from "../../core/seal.ts";
import { jobRow } from "../../testing/escrows.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { startMailServer, startReceiver } from "../../testing/receivers.ts";
import {
  bodyOf,
  codeOf,
  mailableUser,
  registerUser,
  send,
  type TestUser,
  walletUser,
} from "../../testing/users.ts";
import { moveJob } from "../jobs/transitions.ts";
import { RETRY_SECONDS } from "./outbox.ts";
import { notificationDeliveries, notifications, webhooks } from "./schema.ts";
import type { NotificationView, PreferencesView, WebhookView } from "./shapes.ts";
import { startDeliveries } from "./worker.ts";

let api: TestApi;
let mail: Awaited<ReturnType<typeof startMailServer>>;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
beforeAll(async () => {
  mail = await startMailServer();
  api = await createTestApi({ SMTP_URL: mail.url });
});
afterAll(async () => {
  await api.close();
  await mail.close();
});
beforeEach(async () => {
  receiver = await startReceiver();
  // What other tests left to be sent is not what is counted here.
  await api.deps.db
    .update(notificationDeliveries)
    .set({ state: "failed" })
    .where(eq(notificationDeliveries.state, "pending"));
});
afterEach(() => receiver.close());

async function delivering<T>(done: () => Promise<T>): Promise<T> {
  const worker = startDeliveries(api.deps, { everyMs: 20, leaseSeconds: 1 });
  try {
    return await done();
  } finally {
    await worker.stop();
  }
}

async function hooked(): Promise<{ user: TestUser; webhook: WebhookView; secret: string }> {
  const user = await registerUser(api);
  const made = await user.call("POST", "/api/notifications/webhooks", { url: receiver.url });
  return { user, ...(await bodyOf<{ webhook: WebhookView; secret: string }>(made)) };
}

/** Has a job of the user's done. @returns its id */
async function jobDone(user: TestUser): Promise<string> {
  const wallet = privateKeyToAccount(generatePrivateKey());
  const { id } = await jobRow(api, { ...user, wallet }, { state: "verifying" });
  await api.deps.db.transaction((tx) =>
    moveJob(tx, { id, from: "verifying", to: "completed", by: "verifier", reason: "verified" }),
  );
  return id;
}

const deliveriesOf = (user: TestUser, channel: "email" | "webhook") =>
  api.deps.db
    .select({ delivery: notificationDeliveries })
    .from(notificationDeliveries)
    .innerJoin(notifications, eq(notifications.id, notificationDeliveries.notificationId))
    .where(sql`${notifications.userId} = ${user.id} AND ${notificationDeliveries.channel} = ${channel}`)
    .then((rows) => rows.map(({ delivery }) => delivery));
const ended = (user: TestUser, channel: "email" | "webhook") =>
  eventually(`the ${channel} has ended`, async () => {
    const [delivery] = await deliveriesOf(user, channel);
    return delivery?.state === "pending" ? null : delivery;
  });
/** Makes what waits due now, instead of in hours. */
const hurry = (id: string) =>
  api.deps.db
    .update(notificationDeliveries)
    .set({ nextAttemptAt: sql`now()` })
    .where(eq(notificationDeliveries.id, id));
const webhookRow = async ({ id }: WebhookView) =>
  (await api.deps.db.select().from(webhooks).where(eq(webhooks.id, id)))[0]!;
const attempted = (user: TestUser, attempts: number) =>
  eventually(`${attempts} attempts`, async () => {
    const [delivery] = await deliveriesOf(user, "webhook");
    // A message that waits longer than its lease has been noted as failed.
    return delivery?.attempts === attempts && delivery.lastError !== null ? delivery : null;
  });

describe("e-mail", () => {
  it("reaches the mailbox, with a link and without a second copy's doubt", async () => {
    const user = await mailableUser(api);
    const jobId = await jobDone(user);
    const delivery = await delivering(() => ended(user, "email"));
    expect(delivery).toMatchObject({ state: "delivered", attempts: 1 });
    const got = mail.mails.filter(({ to }) => to.includes(user.email));
    expect(got).toHaveLength(1);
    expect(got[0]!.source).toContain(`http://localhost:3000/jobs/${jobId}`);
    expect(got[0]!.source).toContain(`Message-ID: <${delivery.id}@localhost>`);
    expect(got[0]!.source).toMatch(/^Subject: =\?UTF-8\?/m);
    const preferences = await user.call("GET", "/api/notifications/preferences");
    expect((await bodyOf<PreferencesView>(preferences)).email.available).toBe(true);
  });

  it("is tried again after a 4xx, and not after a 5xx", async () => {
    const user = await mailableUser(api);
    await jobDone(user);
    mail.refuse.push(451);
    await delivering(async () => {
      const waiting = await eventually("it was refused once", async () => {
        const [delivery] = await deliveriesOf(user, "email");
        return delivery?.lastError ? delivery : null;
      });
      expect(waiting).toMatchObject({ state: "pending", lastError: "The mail server answered 451." });
      mail.refuse.push(550);
      await hurry(waiting.id);
      expect(await ended(user, "email")).toMatchObject({
        state: "failed",
        attempts: 2,
        lastError: "The mail server answered 550.",
      });
    });
    expect(mail.mails.filter(({ to }) => to.includes(user.email))).toEqual([]);
  });

  it("goes to nobody who did not confirm the address by the link that is sent there", async () => {
    const user = await registerUser(api);
    await jobDone(user);
    expect(await deliveriesOf(user, "email")).toEqual([]);
    const email = async () =>
      (await bodyOf<PreferencesView>(await user.call("GET", "/api/notifications/preferences"))).email;
    expect(await email()).toMatchObject({ address: user.email, confirmed: false });

    const ask = () => user.call("POST", "/api/notifications/email/confirmation");
    expect((await ask()).status).toBe(204);
    const { source } = mail.mails.findLast(({ to }) => to.includes(user.email))!;
    // Long lines of a mail are folded with "=".
    const token = /#confirm=([\w.-]+)/.exec(source.replaceAll("=\r\n", "").replaceAll("=3D", "="))![1]!;
    const confirm = (text: string) => send(api, "POST", "/api/notifications/email/confirm", { token: text });
    for (const odd of ["x", token.slice(0, -2), `${token.slice(0, 30)}AA${token.slice(32)}`]) {
      expect(await codeOf(await confirm(odd))).toBe("confirmation_invalid");
    }
    expect(await email()).toMatchObject({ confirmed: false });
    expect(await bodyOf(await confirm(token))).toEqual({ address: user.email });
    expect((await confirm(token)).status).toBe(200);
    expect(await email()).toMatchObject({ confirmed: true });
    expect(await codeOf(await ask())).toBe("nothing_to_confirm");
    await jobDone(user);
    expect(await deliveriesOf(user, "email")).toHaveLength(1);
  });

  it("has no link after a day, for another address, without an address or a mail server that takes it", async () => {
    const user = await registerUser(api);
    const sealed = (change: object) =>
      seal(JSON.stringify({ id: user.id, email: user.email, until: Date.now() + 60_000, ...change }), {
        secret: api.deps.config.AUTH_SECRET,
        purpose: "confirm an e-mail address",
        owner: "",
      });
    for (const token of [sealed({ until: Date.now() - 1 }), sealed({ email: "another@example.org" })]) {
      const response = await send(api, "POST", "/api/notifications/email/confirm", { token });
      expect(await codeOf(response)).toBe("confirmation_invalid");
    }
    const byWallet = await walletUser(api);
    const path = "/api/notifications/email/confirmation";
    expect(await codeOf(await byWallet.call("POST", path))).toBe("nothing_to_confirm");
    mail.refuse.push(550);
    expect(await codeOf(await user.call("POST", path))).toBe("mail_failed");
    for (let time = 0; time < 4; time++) await user.call("POST", path);
    expect(await codeOf(await user.call("POST", path))).toBe("too_many_attempts");
    const off = await createTestApi();
    const without = await registerUser(off);
    expect(await codeOf(await without.call("POST", path))).toBe("mail_off");
    await off.close();
  });
});

describe("a webhook", () => {
  it("gets a signed message that says which job it is about", async () => {
    const { user, webhook, secret } = await hooked();
    const jobId = await jobDone(user);
    const delivery = await delivering(() => ended(user, "webhook"));
    expect(delivery.state).toBe("delivered");
    expect(receiver.calls).toHaveLength(1);
    const { headers, body } = receiver.calls[0]!;
    expect(headers["webhook-id"]).toBe(`msg_${delivery.id}`);
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({
      type: "job.completed",
      data: {
        job: { id: jobId, name: "A job", state: "completed" },
        reason: "verified",
        url: `http://localhost:3000/jobs/${jobId}`,
      },
    });
    expect(await webhookRow(webhook)).toMatchObject({ lastStatus: 204, lastError: null, failures: 0 });
    // What is kept is not the secret.
    expect((await webhookRow(webhook)).sealedSecret).not.toContain(secret.slice(6));
  });

  it("that fails gets the same message again, later each time, until it takes it", async () => {
    const { user, webhook, secret } = await hooked();
    receiver.answerWith((response) => response.writeHead(503).end());
    await jobDone(user);
    const delivery = await delivering(async () => {
      for (let attempt = 1; attempt <= 3; attempt++) {
        const waiting = await attempted(user, attempt);
        const seconds = (waiting.nextAttemptAt.getTime() - Date.now()) / 1000;
        const planned = RETRY_SECONDS[attempt - 1]!;
        if (attempt > 1) {
          expect(seconds).toBeGreaterThan(planned * 0.9 - 30);
          expect(seconds).toBeLessThan(planned * 1.1);
        }
        expect(await webhookRow(webhook)).toMatchObject({ lastStatus: 503, failures: attempt });
        if (attempt === 3) receiver.answerWith((response) => response.writeHead(200).end("ok"));
        await api.deps.db
          .update(notificationDeliveries)
          .set({ lastError: null, nextAttemptAt: sql`now()` })
          .where(eq(notificationDeliveries.id, waiting.id));
      }
      return ended(user, "webhook");
    });
    expect(delivery).toMatchObject({ state: "delivered", attempts: 4 });
    expect(new Set(receiver.calls.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(receiver.calls.map(({ body }) => body)).size).toBe(1);
    for (const { headers, body } of receiver.calls) new Webhook(secret).verify(body, headers);
    expect(await webhookRow(webhook)).toMatchObject({ failures: 0, enabled: true });
  });

  it("that takes nothing for a day is switched off, its owner is told, and what waits is given up", async () => {
    const { user, webhook } = await hooked();
    receiver.answerWith((response) => response.writeHead(500).end());
    await jobDone(user);
    await api.deps.db
      .update(notificationDeliveries)
      .set({ attempts: RETRY_SECONDS.length })
      .where(eq(notificationDeliveries.webhookId, webhook.id));
    const [last] = await deliveriesOf(user, "webhook");
    await jobDone(user);
    await api.deps.db
      .update(notificationDeliveries)
      .set({ nextAttemptAt: sql`now() + interval '1 hour'` })
      .where(
        sql`${notificationDeliveries.webhookId} = ${webhook.id} AND ${notificationDeliveries.id} <> ${last!.id}`,
      );
    await delivering(() => eventually("it is off", async () => !(await webhookRow(webhook)).enabled));
    expect(await webhookRow(webhook)).toMatchObject({
      disabledReason: "It took no message for more than a day.",
    });
    expect((await deliveriesOf(user, "webhook")).map(({ state }) => state)).toEqual(["failed", "failed"]);
    const list = await bodyOf<{ notifications: NotificationView[] }>(
      await user.call("GET", "/api/notifications"),
    );
    expect(list.notifications[0]).toMatchObject({
      kind: "webhook.disabled",
      title: `The webhook at 127.0.0.1:${receiver.port} was switched off`,
      link: "/account",
    });
    const on = await user.call("PATCH", `/api/notifications/webhooks/${webhook.id}`, { enabled: true });
    expect(await bodyOf<WebhookView>(on)).toMatchObject({ enabled: true, disabledReason: null });
  });

  it("that says it is gone is not called again", async () => {
    const { user, webhook } = await hooked();
    receiver.answerWith((response) => response.writeHead(410).end());
    await jobDone(user);
    await delivering(() => ended(user, "webhook"));
    await eventually("it is off", async () => !(await webhookRow(webhook)).enabled);
    expect(receiver.calls).toHaveLength(1);
  });

  it("that stalls does not hold up the others", async () => {
    const stalled = await hooked();
    receiver.answerWith(() => undefined);
    for (let i = 0; i < 8; i++) await jobDone(stalled.user);
    const quick = await startReceiver();
    const user = await registerUser(api);
    await user.call("POST", "/api/notifications/webhooks", { url: quick.url });
    await delivering(async () => {
      await eventually("the stalled one is called", async () => receiver.calls.length > 0);
      await jobDone(user);
      const begun = performance.now();
      await ended(user, "webhook");
      expect(performance.now() - begun).toBeLessThan(5_000);
      // Lets go of the calls that are held.
      receiver.answerWith((response) => response.writeHead(204).end());
      await receiver.close();
      receiver = await startReceiver();
    });
    await quick.close();
  });

  it("is tested at once, and signs with both secrets for a day after a change", async () => {
    const { user, webhook, secret } = await hooked();
    const path = `/api/notifications/webhooks/${webhook.id}`;
    const rotated = await bodyOf<{ webhook: WebhookView; secret: string }>(
      await user.call("POST", `${path}/rotate`),
    );
    expect(rotated.secret).not.toBe(secret);
    expect(rotated.webhook.oldSecretUntil).not.toBeNull();
    const tested = await bodyOf<{ ok: boolean; status: number; webhook: WebhookView }>(
      await user.call("POST", `${path}/test`),
    );
    expect(tested).toMatchObject({ ok: true, status: 204, webhook: { lastStatus: 204 } });
    const { headers, body } = receiver.calls[0]!;
    for (const each of [secret, rotated.secret]) {
      expect(new Webhook(each).verify(body, headers)).toMatchObject({ type: "webhook.test" });
    }
    await api.deps.db
      .update(webhooks)
      .set({ oldSecretUntil: sql`now() - interval '1 second'` })
      .where(eq(webhooks.id, webhook.id));
    await user.call("POST", `${path}/test`);
    const later = receiver.calls[1]!;
    expect(() => new Webhook(secret).verify(later.body, later.headers)).toThrow();
    expect(new Webhook(rotated.secret).verify(later.body, later.headers)).toBeTruthy();
  });
});

it("is one instance's at a time: two send each message once", async () => {
  const { user } = await hooked();
  for (let i = 0; i < 12; i++) await jobDone(user);
  await Promise.all(
    [1, 2].map(() =>
      delivering(() =>
        eventually("all are delivered", async () =>
          (await deliveriesOf(user, "webhook")).every(({ state }) => state === "delivered"),
        ),
      ),
    ),
  );
  expect(receiver.calls).toHaveLength(12);
  expect(new Set(receiver.calls.map(({ headers }) => headers["webhook-id"])).size).toBe(12);
});

describe("a sender that is killed", () => {
  it.each([
    ["claimed", 1],
    ["sent", 2],
  ] as const)(
    "after the message was %s loses nothing: the next sends it under the same id",
    async (step, calls) => {
      const { user } = await hooked();
      await user.call("PUT", "/api/notifications/preferences", {
        kinds: [{ kind: "job.completed", inApp: true, email: false, webhook: true }],
      });
      await jobDone(user);
      const child = spawn(
        process.execPath,
        [fileURLToPath(new URL("../../testing/deliveries-child.ts", import.meta.url))],
        {
          stdio: ["ignore", "inherit", "inherit"],
          env: {
            ...process.env,
            DATABASE_URL: api.deps.config.DATABASE_URL,
            RPC_URL_31337: api.rpcUrl,
            AUTH_SECRET: api.deps.config.AUTH_SECRET,
            WEIGHTS_SECRET: api.deps.config.WEIGHTS_SECRET,
            DATA_DIR: api.deps.config.DATA_DIR,
            LOG_LEVEL: "silent",
            DIE_AT: step,
          },
        },
      );
      await once(child, "exit");
      expect(child.signalCode).toBe("SIGKILL");
      expect(await deliveriesOf(user, "webhook")).toMatchObject([{ state: "pending", attempts: 1 }]);
      const delivery = await delivering(() => ended(user, "webhook"));
      expect(delivery).toMatchObject({ state: "delivered", attempts: 2 });
      expect(receiver.calls.map(({ headers }) => headers["webhook-id"])).toEqual(
        Array(calls).fill(`msg_${delivery.id}`),
      );
    },
    // A process of its own takes long to begin on a busy machine.
    180_000,
  );
});

import { randomInt, type webcrypto } from "node:crypto";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testClient } from "../../../../scripts/testing/chain.ts";
import { createTestApi, ORIGIN, type TestApi } from "../../testing/harness.ts";
import { bodyOf, codeOf, PASSWORD, registerUser, send, walletUser } from "../../testing/users.ts";
import type { GroupView } from "../groups/service.ts";
import type { UserView } from "./service.ts";

type SignedIn = { user: UserView; token: string; created: boolean };
type Groups = { groups: GroupView[] };
type ErrorBody = { error: { code: string } };

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

const newWallet = () => privateKeyToAccount(generatePrivateKey());

async function challenge(address: string, from = api): Promise<string> {
  const query = new URLSearchParams({ address, chainId: "31337" });
  const response = await send(from, "GET", `/api/auth/wallet/auth-message?${query}`);
  expect(response.status).toBe(200);
  return (await bodyOf<{ message: string }>(response)).message;
}

const walletLogin = (message: string, signature: string, to = api) =>
  send(to, "POST", "/api/auth/wallet/login", { message, signature });

function cookieOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(";")[0])
    .join("; ");
}

describe("e-mail and password", () => {
  it("registers, gives a personal group, and signs in by cookie and by JWT", async () => {
    const email = `Ada.${Date.now()}@Example.org`;
    const response = await send(api, "POST", "/api/auth/register", {
      email: ` ${email} `,
      password: PASSWORD,
      name: "  Ada Lovelace ",
    });
    expect(response.status).toBe(201);
    const { user, token } = await bodyOf<SignedIn>(response);
    expect(user).toEqual({ id: user.id, email: email.toLowerCase(), name: "Ada Lovelace", wallets: [] });

    const setCookie = response.headers.getSetCookie().join();
    expect(setCookie).toMatch(/aiforge\.session_token=.*HttpOnly.*SameSite=Lax/i);
    const me = await send(api, "GET", "/api/auth/me", undefined, { cookie: cookieOf(response) });
    expect((await bodyOf<SignedIn>(me)).user).toEqual(user);

    const bearer = { authorization: `Bearer ${token}` };
    expect((await bodyOf<SignedIn>(await send(api, "GET", "/api/auth/me", undefined, bearer))).user).toEqual(
      user,
    );
    const { groups } = await bodyOf<Groups>(await send(api, "GET", "/api/groups", undefined, bearer));
    expect(groups).toMatchObject([{ name: "Ada Lovelace", personal: true, role: "owner" }]);

    const login = await send(api, "POST", "/api/auth/login", { email, password: PASSWORD });
    expect(login.status).toBe(200);
    expect((await bodyOf<SignedIn>(login)).user).toEqual(user);
  });

  it("signs a JWT that anyone can verify by the published keys", async () => {
    const { token, id } = await registerUser(api);
    const { keys } = await bodyOf<{ keys: (webcrypto.JsonWebKey & { kid: string })[] }>(
      await send(api, "GET", "/api/auth/jwks"),
    );
    const [head, payload, signature] = token.split(".").map((part) => Buffer.from(part, "base64url"));
    const key = keys.find((each) => each.kid === JSON.parse(String(head)).kid);
    const publicKey = await crypto.subtle.importKey("jwk", key!, { name: "Ed25519" }, false, ["verify"]);
    const signed = new TextEncoder().encode(token.slice(0, token.lastIndexOf(".")));
    expect(await crypto.subtle.verify("Ed25519", publicKey, new Uint8Array(signature!), signed)).toBe(true);
    expect(JSON.parse(String(payload))).toMatchObject({ sub: id, iss: ORIGIN, aud: ORIGIN });
    expect(JSON.stringify(keys)).not.toContain('"d":');
  });

  it("answers a wrong password and an unknown e-mail alike, in about the same time", async () => {
    const { email } = await registerUser(api);
    const attempt = async (address: string) => {
      const start = performance.now();
      const response = await send(api, "POST", "/api/auth/login", {
        email: address,
        password: "not the one!",
      });
      return {
        ms: performance.now() - start,
        status: response.status,
        body: await bodyOf<ErrorBody>(response),
      };
    };
    const wrong = await attempt(email);
    const unknown = await attempt(`nobody.${Date.now()}@example.org`);
    expect(wrong.status).toBe(401);
    expect(unknown.status).toBe(401);
    expect(unknown.body).toEqual(wrong.body);
    expect(wrong.body.error.code).toBe("wrong_credentials");
    // Without the dummy hash an unknown address answers some twenty times faster.
    expect(unknown.ms).toBeGreaterThan(wrong.ms / 4);
  });

  it("refuses a second account with the same e-mail, also when both come at once", async () => {
    const email = `twice.${Date.now()}@example.org`;
    const once = () =>
      send(api, "POST", "/api/auth/register", { email, password: PASSWORD, name: "Twin" }).then(
        (r) => r.status,
      );
    expect((await Promise.all([once(), once(), once()])).sort()).toEqual([201, 409, 409]);
    expect(
      await codeOf(
        await send(api, "POST", "/api/auth/register", {
          email: email.toUpperCase(),
          password: PASSWORD,
          name: "Twin",
        }),
      ),
    ).toBe("email_taken");
  });

  it.each([
    ["no e-mail", { email: "ada", password: PASSWORD, name: "Ada" }],
    ["a short password", { email: "a@example.org", password: "short", name: "Ada" }],
    ["a long password", { email: "a@example.org", password: "x".repeat(201), name: "Ada" }],
    ["an empty name", { email: "a@example.org", password: PASSWORD, name: "   " }],
    ["an oversize name", { email: "a@example.org", password: PASSWORD, name: "ä".repeat(81) }],
    ["a name with a direction override", { email: "a@example.org", password: PASSWORD, name: "a\u202Eb" }],
    ["a name with a NUL", { email: "a@example.org", password: PASSWORD, name: "a\0b" }],
    ["an oversize e-mail", { email: `${"a".repeat(300)}@example.org`, password: PASSWORD, name: "Ada" }],
    ["a password that is no text", { email: "a@example.org", password: { $gt: "" }, name: "Ada" }],
  ])("refuses %s", async (_what, body) => {
    const response = await send(api, "POST", "/api/auth/register", body);
    expect(response.status).toBe(400);
    expect(await codeOf(response)).toBe("invalid_request");
  });

  it("refuses malformed JSON and a body of 50 MB", async () => {
    const headers = { "content-type": "application/json" };
    const broken = await api.app.request("/api/auth/login", { method: "POST", headers, body: '{"email":' });
    expect(broken.status).toBe(400);
    expect(await codeOf(broken)).toBe("invalid_json");
    const body = JSON.stringify({ email: "a@example.org", password: "x".repeat(50 * 1024 ** 2) });
    const large = await api.app.request("/api/auth/login", { method: "POST", headers, body });
    expect(large.status).toBe(413);
    expect(await codeOf(large)).toBe("body_too_large");
  });

  it("ends cookie and JWT at sign-out", async () => {
    const { email } = await registerUser(api);
    const login = await send(api, "POST", "/api/auth/login", { email, password: PASSWORD });
    const { token } = await bodyOf<SignedIn>(login);
    const cookie = cookieOf(login);
    const out = await send(api, "POST", "/api/auth/logout", undefined, { cookie, origin: ORIGIN });
    expect(out.status).toBe(204);
    expect(out.headers.getSetCookie().join()).toMatch(/session_token=;.*Max-Age=0/i);
    expect((await send(api, "GET", "/api/auth/me", undefined, { cookie })).status).toBe(401);
    const bearer = { authorization: `Bearer ${token}` };
    expect((await send(api, "GET", "/api/auth/me", undefined, bearer)).status).toBe(401);
  });

  it.each(["nonsense", "a.b.c", "null", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."])(
    "does not take %s for a token, whatever cookie comes along",
    async (token) => {
      const { email } = await registerUser(api);
      const cookie = cookieOf(await send(api, "POST", "/api/auth/login", { email, password: PASSWORD }));
      const headers = { authorization: `Bearer ${token}`, cookie };
      expect((await send(api, "GET", "/api/auth/me", undefined, headers)).status).toBe(401);
    },
  );

  it("refuses a write with a cookie from another site's page", async () => {
    const { email } = await registerUser(api);
    const cookie = cookieOf(await send(api, "POST", "/api/auth/login", { email, password: PASSWORD }));
    const headers = { cookie, origin: "https://evil.example" };
    const response = await send(api, "POST", "/api/groups", { name: "Mine" }, headers);
    expect(response.status).toBe(403);
    expect(await codeOf(response)).toBe("foreign_origin");
  });

  it("slows down guesses at one account, from whatever address, and many tries of one address", async () => {
    const strict = await createTestApi({ AUTH_ATTEMPTS_PER_EMAIL: "3", AUTH_ATTEMPTS_PER_CLIENT: "8" });
    const { email } = await registerUser(api);
    const guess = (client: string, password = "wrong guess") =>
      send(strict, "POST", "/api/auth/login", { email, password }, { "x-forwarded-for": client });
    const statuses = await Promise.all(
      ["a", "b", "c", "d", "e"].map((client) => guess(client).then((r) => r.status)),
    );
    expect(statuses.sort()).toEqual([401, 401, 401, 429, 429]);
    const refused = await guess("f", PASSWORD);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);

    // The client's own claim, left of what the trusted proxy appended, buys no fresh count.
    const client = `203.0.113.${Date.now()}`;
    const codes: number[] = [];
    for (let i = 0; i < 10; i++) {
      const body = { email: `nobody.${i}.${Date.now()}@example.org`, password: "whatever it is" };
      const headers = { "x-forwarded-for": `10.0.0.${i}, ${client}` };
      codes.push((await send(strict, "POST", "/api/auth/login", body, headers)).status);
    }
    expect(codes.filter((code) => code === 429)).toHaveLength(2);
    await strict.close();
  });

  it("counts a client as one by whatever port the proxy tells, and a home's IPv6 addresses together", async () => {
    const strict = await createTestApi({ AUTH_ATTEMPTS_PER_CLIENT: "1" });
    try {
      const ask = async (client: string) => {
        const query = `address=${newWallet().address}&chainId=31337`;
        const path = `/api/auth/wallet/auth-message?${query}`;
        return (await send(strict, "GET", path, undefined, { "x-forwarded-for": client })).status;
      };
      // The counts are the whole run's.
      const part = () => randomInt(0x1000, 0xffff).toString(16);
      const four = `198.${randomInt(256)}.${randomInt(256)}.${randomInt(256)}`;
      const six = `2001:db8:${part()}:${part()}`;
      expect(await ask(`${four}:4000`)).toBe(200);
      for (const same of [`${four}:4001`, four, `::ffff:${four}`]) expect(await ask(same)).toBe(429);
      expect(await ask(`[${six}::1]:4000`)).toBe(200);
      for (const same of [`[${six}::2]:4001`, `[${six}::1]`, `${six}::1`]) expect(await ask(same)).toBe(429);
      expect(await ask(`2001:db9:${part()}:${part()}::1`)).toBe(200);
    } finally {
      await strict.close();
    }
  });

  it("keeps better-auth's own routes closed", async () => {
    for (const path of ["/api/auth/core/sign-up/email", "/api/auth/core/get-session", "/api/auth/core/ok"]) {
      expect((await send(api, "POST", path, {})).status).toBe(404);
    }
  });
});

describe("wallet sign-in", () => {
  it("creates the account on first use and finds it again", async () => {
    const wallet = newWallet();
    const message = await challenge(wallet.address);
    expect(message).toContain("localhost:3000 wants you to sign in with your Ethereum account:");
    expect(message).toContain(`URI: ${ORIGIN}`);
    expect(message).toContain("Chain ID: 31337");
    const first = await walletLogin(message, await wallet.signMessage({ message }));
    expect(first.status).toBe(200);
    expect(first.headers.getSetCookie().join()).toContain("aiforge.session_token=");
    const { user, created, token } = await bodyOf<SignedIn>(first);
    const address = wallet.address.toLowerCase();
    expect(created).toBe(true);
    expect(user).toMatchObject({ email: null, wallets: [{ id: `eip155:31337:${address}`, address }] });
    const bearer = { authorization: `Bearer ${token}` };
    const { groups } = await bodyOf<Groups>(await send(api, "GET", "/api/groups", undefined, bearer));
    expect(groups).toMatchObject([
      { personal: true, members: [{ userId: user.id, wallets: [{ address, chain: "eip155:31337" }] }] },
    ]);

    const again = await challenge(wallet.address);
    const second = await (await walletLogin(again, await wallet.signMessage({ message: again }))).json();
    expect(second).toMatchObject({ created: false, user: { id: user.id } });
  });

  it("makes one account of two first sign-ins at once", async () => {
    const wallet = newWallet();
    const results = await Promise.all([
      walletUser(api, wallet),
      walletUser(api, wallet),
      walletUser(api, wallet),
    ]);
    expect(new Set(results.map(({ id }) => id)).size).toBe(1);
  });

  it("refuses a replayed message, also when both come at once", async () => {
    const wallet = newWallet();
    const message = await challenge(wallet.address);
    const signature = await wallet.signMessage({ message });
    const answers = await Promise.all([walletLogin(message, signature), walletLogin(message, signature)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    const replay = await walletLogin(message, signature);
    expect(replay.status).toBe(401);
    expect(await codeOf(replay)).toBe("wallet_nonce_unknown");
  });

  it("refuses an expired message", async () => {
    const brief = await createTestApi({ CHALLENGE_SECONDS: "1" });
    const wallet = newWallet();
    const message = await challenge(wallet.address, brief);
    const signature = await wallet.signMessage({ message });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const response = await walletLogin(message, signature, brief);
    expect(response.status).toBe(401);
    expect(await codeOf(response)).toBe("wallet_message_expired");
    await brief.close();
  });

  it("refuses a message of a foreign domain, though a phisher had it signed with our nonce", async () => {
    const wallet = newWallet();
    const message = (await challenge(wallet.address)).replaceAll("localhost:3000", "evil.example");
    const response = await walletLogin(message, await wallet.signMessage({ message }));
    expect(response.status).toBe(401);
    expect(await codeOf(response)).toBe("wallet_message_foreign");
  });

  it("refuses another wallet's signature, and the nonce is gone with it", async () => {
    const wallet = newWallet();
    const message = await challenge(wallet.address);
    const response = await walletLogin(message, await newWallet().signMessage({ message }));
    expect(response.status).toBe(401);
    expect(await codeOf(response)).toBe("wallet_signature_invalid");
    const late = await walletLogin(message, await wallet.signMessage({ message }));
    expect(await codeOf(late)).toBe("wallet_nonce_unknown");
  });

  it("refuses a message that was altered: address, chain or statement", async () => {
    const wallet = newWallet();
    const thief = newWallet();
    const alter = async (change: (message: string) => string) => {
      const message = change(await challenge(wallet.address));
      return codeOf(await walletLogin(message, await thief.signMessage({ message })));
    };
    expect(await alter((message) => message.replace(wallet.address, thief.address))).toBe(
      "wallet_message_altered",
    );
    expect(await alter((message) => message.replace("31337", "1"))).toBe("wallet_message_altered");
    expect(await alter((message) => message.replace("costs nothing", "costs all"))).toBe(
      "wallet_message_altered",
    );
  });

  it("refuses a link message for signing in", async () => {
    const user = await registerUser(api);
    const wallet = newWallet();
    const connect = await user.call("POST", "/api/wallets/connect", {
      address: wallet.address,
      chainId: 31337,
    });
    const message = (await bodyOf<{ message: string }>(connect)).message;
    const response = await walletLogin(message, await wallet.signMessage({ message }));
    expect(await codeOf(response)).toBe("wallet_nonce_unknown");
  });

  it.each([
    ["no message", { message: "hello", signature: "0x00" }, "wallet_message_invalid"],
    ["no signature", { message: "hello", signature: "hello" }, "invalid_request"],
    ["an oversize message", { message: "x".repeat(5_000), signature: "0x00" }, "invalid_request"],
  ])("refuses what is %s", async (_what, body, code) => {
    const response = await send(api, "POST", "/api/auth/wallet/login", body);
    expect(response.status).toBe(400);
    expect(await codeOf(response)).toBe(code);
  });

  it("refuses a bad address and a chain that is not served", async () => {
    const ask = (query: string) => send(api, "GET", `/api/auth/wallet/auth-message?${query}`);
    expect((await ask("address=0x12&chainId=31337")).status).toBe(400);
    expect(await codeOf(await ask(`address=${newWallet().address}&chainId=1`))).toBe("unknown_chain");
  });

  it("signs a contract wallet in by asking it on its chain (ERC-1271)", async () => {
    const { address } = newWallet();
    const accept = newWallet();
    // Returns isValidSignature's magic value for every signature, as a wallet with no owner would.
    const code = `0x7f1626ba7e${"00".repeat(28)}60005260206000f3` as const;
    await testClient(api.rpcUrl).setCode({ address, bytecode: code });
    const message = await challenge(address);
    const response = await walletLogin(message, await accept.signMessage({ message }));
    expect(response.status).toBe(200);
    expect((await bodyOf<SignedIn>(response)).user.wallets).toMatchObject([
      { address: address.toLowerCase() },
    ]);
  });
});

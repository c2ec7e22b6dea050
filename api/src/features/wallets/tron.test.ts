import { recoverMessageAddress } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApi, ORIGIN, type TestApi } from "../../testing/harness.ts";
import { TRON, type TronWallet, tronWallet } from "../../testing/tron-wallet.ts";
import { bodyOf, codeOf, linkWallet, registerUser, send, type TestUser } from "../../testing/users.ts";
import type { UserView } from "../auth/service.ts";
import { requireWallet, type WalletView, walletsOf } from "./service.ts";

/** No node listens there: signing in with a wallet asks none. */
const ENV = {
  CHAIN_IDS: `31337,${TRON}`,
  TRON_URL: "http://127.0.0.1:9",
  TRON_AIFORGE_ADDRESS: tronWallet().shown,
  TRON_USDT_ADDRESS: tronWallet().shown,
};

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi(ENV);
});
afterAll(() => api.close());

type SignedIn = { user: UserView; created: boolean };

const ask = (query: Record<string, string>, of = api) =>
  send(of, "GET", `/api/auth/wallet/auth-message?${new URLSearchParams(query)}`);

async function challenge(wallet: TronWallet, of = api): Promise<string> {
  const response = await ask({ address: wallet.shown, chain: TRON }, of);
  expect(response.status).toBe(200);
  return (await bodyOf<{ message: string }>(response)).message;
}

const login = (message: string, signature: string, to = api) =>
  send(to, "POST", "/api/auth/wallet/login", { message, signature });

/** What a sign-in is refused with, and that it made no account. */
async function refusal(wallet: TronWallet, message: string, signature: string, to = api) {
  const response = await login(message, signature, to);
  const code = await codeOf(response);
  const again = await challenge(wallet);
  const { created } = await bodyOf<SignedIn>(await login(again, await wallet.sign(again)));
  return { status: response.status, code, created };
}

async function link(user: TestUser, wallet: TronWallet): Promise<Response> {
  const connect = await user.call("POST", "/api/wallets/connect", { address: wallet.shown, chain: TRON });
  const { message } = await bodyOf<{ message: string }>(connect);
  const signature = await wallet.sign(message);
  return user.call("POST", "/api/wallets/verify", { message, signature });
}

describe("sign-in with a Tron wallet", () => {
  it("creates the account on first use and finds it again; the api shows the address as 0x and lower case", async () => {
    const wallet = tronWallet();
    const message = await challenge(wallet);
    expect(message.split("\n").slice(0, 8)).toEqual([
      "http://localhost:3000 wants you to sign in with your Tron account:",
      wallet.shown,
      "",
      "Sign in to AIForge. This costs nothing and moves nothing.",
      "",
      `URI: ${ORIGIN}`,
      "Version: 1",
      "Chain ID: 0x74646576",
    ]);
    expect(message).toMatch(/\nNonce: \w{8,}\nIssued At: \S+Z\nExpiration Time: \S+Z$/);
    const response = await login(message, await wallet.sign(message));
    expect(response.status).toBe(200);
    expect(response.headers.getSetCookie().join()).toContain("aiforge.session_token=");
    const { user, created } = await bodyOf<SignedIn>(response);
    expect(created).toBe(true);
    const { address, shown } = wallet;
    expect(user).toMatchObject({
      name: `${shown.slice(0, 6)}…${shown.slice(-4)}`,
      wallets: [{ id: `${TRON}:${address}`, address, chain: TRON }],
    });

    const again = await challenge(wallet);
    const second = await bodyOf<SignedIn>(await login(again, await wallet.sign(again)));
    expect(second).toMatchObject({ created: false, user: { id: user.id } });
  });

  it("R21: base58, 41… and 0x… are the same wallet, and a bad checksum is refused", async () => {
    const wallet = tronWallet();
    const hex = wallet.address.slice(2);
    const forms = [wallet.shown, `41${hex}`, wallet.address, `0x${hex.toUpperCase()}`];
    const users = new Set<string>();
    for (const address of forms) {
      const { message } = await bodyOf<{ message: string }>(await ask({ address, chain: TRON }));
      expect(message).toContain(`\n${wallet.shown}\n`);
      const response = await login(message, await wallet.sign(message));
      users.add((await bodyOf<SignedIn>(response)).user.id);
    }
    expect(users.size).toBe(1);
    const [user] = [...users];
    const [row] = await walletsOf(api.deps, user!);
    expect(await requireWallet(api.deps, user!, wallet.address)).toEqual(row);

    const last = wallet.shown.endsWith("a") ? "b" : "a";
    const bad = [`${wallet.shown.slice(0, -1)}${last}`, `${wallet.shown}1`, `42${hex}`, hex, "T", ""];
    for (const address of bad) {
      const response = await ask({ address, chain: TRON });
      expect([address, response.status]).toEqual([address, 400]);
      const { error } = await bodyOf<{ error: object }>(response);
      expect(error).toMatchObject({ code: "invalid_request", details: { field: "address" } });
      expect(error).toMatchObject({ message: expect.stringContaining("not an address") });
    }
  });

  it("takes the chain by its CAIP-2 id or its number, and refuses none, two, and one that is not served", async () => {
    const { shown: address } = tronWallet();
    const chainId = String(0x74646576);
    for (const query of [{ chain: TRON }, { chainId }, { chain: TRON, chainId }] as Record<
      string,
      string
    >[]) {
      const { message } = await bodyOf<{ message: string }>(await ask({ address, ...query }));
      expect(message).toContain("Chain ID: 0x74646576");
    }
    expect(await codeOf(await ask({ address }))).toBe("invalid_request");
    expect(await codeOf(await ask({ address, chain: TRON, chainId: "31337" }))).toBe("invalid_request");
    expect(await codeOf(await ask({ address, chain: "tron:0x2b6653dc" }))).toBe("unknown_chain");
    // A name that every object has is no chain.
    expect(await codeOf(await ask({ address, chain: "__proto__" }))).toBe("unknown_chain");
  });

  it("R23: a replayed nonce is refused, also when both come at once", async () => {
    const wallet = tronWallet();
    const message = await challenge(wallet);
    const signature = await wallet.sign(message);
    const both = await Promise.all([login(message, signature), login(message, signature)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 401]);
    const replay = await login(message, signature);
    expect([replay.status, await codeOf(replay)]).toEqual([401, "wallet_nonce_unknown"]);
  });

  it("R23: a message of another domain is refused, though it was signed with our nonce", async () => {
    const wallet = tronWallet();
    const message = (await challenge(wallet)).replaceAll("localhost:3000", "evil.example");
    expect(await refusal(wallet, message, await wallet.sign(message))).toEqual({
      status: 401,
      code: "wallet_message_foreign",
      created: true,
    });
  });

  it("R23: an expired message is refused", async () => {
    const brief = await createTestApi({ ...ENV, CHALLENGE_SECONDS: "1" });
    const wallet = tronWallet();
    const message = await challenge(wallet, brief);
    const signature = await wallet.sign(message);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await refusal(wallet, message, signature, brief)).toEqual({
      status: 401,
      code: "wallet_message_expired",
      created: true,
    });
    await brief.close();
  });

  it("R23: a signature over the V1 header is refused", async () => {
    const wallet = tronWallet();
    const message = await challenge(wallet);
    expect(await refusal(wallet, message, await wallet.signV1(message))).toEqual({
      status: 401,
      code: "wallet_signature_invalid",
      created: true,
    });
  });

  it("R23: a signature over Ethereum's header is refused, and Tron's is none for an EVM wallet", async () => {
    const wallet = tronWallet();
    const evm = privateKeyToAccount(wallet.key);
    const message = await challenge(wallet);
    const signature = await evm.signMessage({ message });
    expect((await recoverMessageAddress({ message, signature })).toLowerCase()).toBe(wallet.address);
    expect(await refusal(wallet, message, signature)).toMatchObject({ code: "wallet_signature_invalid" });

    const ours = await bodyOf<{ message: string }>(await ask({ address: evm.address, chainId: "31337" }));
    const response = await login(ours.message, await wallet.sign(ours.message));
    expect(await codeOf(response)).toBe("wallet_signature_invalid");
  });

  it("R23: another signer is refused, and the nonce is gone with it", async () => {
    const wallet = tronWallet();
    const message = await challenge(wallet);
    const response = await login(message, await tronWallet().sign(message));
    expect([response.status, await codeOf(response)]).toEqual([401, "wallet_signature_invalid"]);
    const late = await login(message, await wallet.sign(message));
    expect(await codeOf(late)).toBe("wallet_nonce_unknown");
    for (const signature of ["0x00", `0x${"00".repeat(65)}`, `0x${"ff".repeat(65)}`]) {
      expect(await codeOf(await login(await challenge(wallet), signature))).toBe("wallet_signature_invalid");
    }
  });

  it("R23: altered text is refused: address, chain, statement, end", async () => {
    const wallet = tronWallet();
    const thief = tronWallet();
    const alter = async (change: (message: string) => string) => {
      const message = change(await challenge(wallet));
      return codeOf(await login(message, await thief.sign(message)));
    };
    const altered = "wallet_message_altered";
    expect(await alter((message) => message.replace(wallet.shown, thief.shown))).toBe(altered);
    expect(await alter((message) => message.replace("0x74646576", "0x2b6653dc"))).toBe(altered);
    expect(await alter((message) => message.replace("costs nothing", "costs all"))).toBe(altered);
    expect(await alter((message) => `${message} `)).toBe(altered);
    expect(await alter((message) => message.replace("Tron", "Ethereum"))).toBe("wallet_message_invalid");
    expect(await alter((message) => message.replace(/Nonce: .*/, "Nonce: "))).toBe("wallet_message_invalid");
  });

  it("R23: a message for linking signs nobody in", async () => {
    const user = await registerUser(api);
    const wallet = tronWallet();
    const connect = await user.call("POST", "/api/wallets/connect", { address: wallet.shown, chain: TRON });
    const { message } = await bodyOf<{ message: string }>(connect);
    expect(message).toContain("Link this wallet");
    expect(await codeOf(await login(message, await wallet.sign(message)))).toBe("wallet_nonce_unknown");
  });
});

describe("linking a Tron wallet", () => {
  it("gives one account wallets of both chains, also of the same key, and each signs it in", async () => {
    const user = await registerUser(api);
    const wallet = tronWallet();
    const evm = privateKeyToAccount(wallet.key);
    expect((await link(user, wallet)).status).toBe(200);
    expect((await link(user, wallet)).status).toBe(200);
    await linkWallet(user, evm);
    const listed = await user.call("GET", "/api/wallets/my-wallets");
    const { wallets } = await bodyOf<{ wallets: WalletView[] }>(listed);
    expect(wallets.map(({ id }) => id)).toEqual([
      `${TRON}:${wallet.address}`,
      `eip155:31337:${wallet.address}`,
    ]);
    expect((await requireWallet(api.deps, user.id, wallet.address, "eip155:31337")).chain).toBe(
      "eip155:31337",
    );
    const message = await challenge(wallet);
    const { user: found } = await bodyOf<SignedIn>(await login(message, await wallet.sign(message)));
    expect(found).toMatchObject({ id: user.id, wallets });

    const one = `/api/wallets/${encodeURIComponent(`${TRON}:${wallet.address}`)}`;
    expect((await user.call("DELETE", one)).status).toBe(204);
    expect(await walletsOf(api.deps, user.id)).toHaveLength(1);

    // What is left pays and is paid on EVM chains; a contract wallet among them would be nobody's on Tron.
    await expect(requireWallet(api.deps, user.id, wallet.address, TRON)).rejects.toMatchObject({
      code: "wallet_not_linked",
    });
    const plan = { purpose: "plan", plan: 1, wallet: wallet.shown, chain: TRON };
    expect(await codeOf(await user.call("POST", "/api/payments/create", plan))).toBe("wallet_not_linked");
  });

  it("links a wallet to one user only, also when two link it at once", async () => {
    const wallet = tronWallet();
    const rivals = await Promise.all([registerUser(api), registerUser(api)]);
    const answers = await Promise.all(rivals.map((rival) => link(rival, wallet)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await codeOf(answers.find(({ status }) => status === 409)!)).toBe("wallet_taken");
    const lists = await Promise.all(rivals.map(({ id }) => walletsOf(api.deps, id)));
    expect(lists.flat()).toHaveLength(1);
  });

  it("refuses another's challenge, another's signature and a replay", async () => {
    const [user, thief] = await Promise.all([registerUser(api), registerUser(api)]);
    const wallet = tronWallet();
    const request = { address: wallet.shown, chain: TRON };
    const connect = async () =>
      (await bodyOf<{ message: string }>(await user.call("POST", "/api/wallets/connect", request))).message;
    const verify = async (by: TestUser, message: string, signature: string) =>
      codeOf(await by.call("POST", "/api/wallets/verify", { message, signature }));
    const stolen = await connect();
    expect(await verify(thief, stolen, await wallet.sign(stolen))).toBe("wallet_nonce_unknown");
    const foreign = await connect();
    expect(await verify(user, foreign, await tronWallet().sign(foreign))).toBe("wallet_signature_invalid");
    const good = await connect();
    const signature = await wallet.sign(good);
    expect(await verify(user, good, signature)).toBeUndefined();
    expect(await verify(user, good, signature)).toBe("wallet_nonce_unknown");
    expect(await walletsOf(api.deps, thief.id)).toEqual([]);
  });
});

it("registers a node under a Tron wallet", async () => {
  const wallet = tronWallet();
  const request = { address: wallet.shown, chain: TRON };
  const asked = await send(api, "POST", "/api/nodes/auth-message", request);
  const { message } = await bodyOf<{ message: string }>(asked);
  expect(message).toContain("Register a node of AIForge under this wallet.");
  const register = async (signature: string) =>
    send(api, "POST", "/api/nodes/register", { message, signature, name: "tron", capabilities: {} });
  const registered = await register(await wallet.sign(message));
  expect(registered.status).toBe(201);
  expect(await bodyOf<object>(registered)).toMatchObject({ node: { address: wallet.address } });
  expect(await codeOf(await register(await wallet.sign(message)))).toBe("wallet_nonce_unknown");
  // Without a chain it is the first, whose wallets sign as on Ethereum.
  const evm = privateKeyToAccount(generatePrivateKey());
  const first = await send(api, "POST", "/api/nodes/auth-message", { address: evm.address });
  expect((await bodyOf<{ message: string }>(first)).message).toContain("Chain ID: 31337");
});

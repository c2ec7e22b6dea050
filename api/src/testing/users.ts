import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { user } from "../features/auth/schema.ts";
import type { UserView } from "../features/auth/service.ts";
import { ORIGIN, type TestApi } from "./harness.ts";

export const PASSWORD = "correct horse battery staple";

/** A signed-in caller: `call` sends JSON with their bearer token. */
export interface TestUser {
  id: string;
  email: string;
  token: string;
  call: (method: string, path: string, body?: unknown) => Promise<Response>;
}

export interface TestWalletUser extends TestUser {
  wallet: PrivateKeyAccount;
}

/** Sends JSON to the api; `headers` are added. */
export async function send(
  { app }: TestApi,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const json = body === undefined ? undefined : JSON.stringify(body);
  const type: Record<string, string> = json === undefined ? {} : { "content-type": "application/json" };
  return app.request(path, { method, body: json, headers: { ...type, ...headers } });
}

/** Registers a new user by e-mail and password. */
export async function registerUser(api: TestApi, name = "Ada"): Promise<TestUser> {
  const email = `${randomBytes(8).toString("hex")}@example.org`;
  const response = await send(api, "POST", "/api/auth/register", { email, password: PASSWORD, name });
  if (response.status !== 201) throw new Error(`Registration answered ${response.status}`);
  const { user, token } = await bodyOf<{ user: UserView; token: string }>(response);
  return { id: user.id, email, token, call: caller(api, token) };
}

/** Registers a new user whose e-mail address is confirmed. */
export async function mailableUser(api: TestApi, name = "Ada"): Promise<TestUser> {
  const registered = await registerUser(api, name);
  await api.deps.db.update(user).set({ emailVerified: true }).where(eq(user.id, registered.id));
  return registered;
}

/** Signs in with a wallet (a new one by default), which creates the user on first use. */
export async function walletUser(
  api: TestApi,
  wallet: PrivateKeyAccount = privateKeyToAccount(generatePrivateKey()),
): Promise<TestWalletUser> {
  const query = new URLSearchParams({ address: wallet.address, chainId: "31337" });
  const asked = await send(api, "GET", `/api/auth/wallet/auth-message?${query}`);
  const { message } = await bodyOf<{ message: string }>(asked);
  const signature = await wallet.signMessage({ message });
  const login = await send(api, "POST", "/api/auth/wallet/login", { message, signature });
  return { ...(await signedIn(api, login)), wallet };
}

/** Who the answer to a wallet's sign-in says it is. */
export async function signedIn(api: TestApi, response: Response): Promise<TestUser> {
  if (response.status !== 200) throw new Error(`Wallet sign-in answered ${response.status}`);
  const { user, token } = await bodyOf<{ user: UserView; token: string }>(response);
  return { id: user.id, email: "", token, call: caller(api, token) };
}

/** Links a wallet to a signed-in user. */
export async function linkWallet(user: TestUser, wallet: PrivateKeyAccount): Promise<void> {
  const connect = await user.call("POST", "/api/wallets/connect", {
    address: wallet.address,
    chainId: 31337,
  });
  const { message } = await bodyOf<{ message: string }>(connect);
  const signature = await wallet.signMessage({ message });
  const response = await user.call("POST", "/api/wallets/verify", { message, signature });
  if (response.status !== 200) throw new Error(`Linking answered ${response.status}`);
}

/** A response's JSON, as the type that the test expects it to have. */
export async function bodyOf<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

/** The error code of a response. */
export async function codeOf(response: Response): Promise<string | undefined> {
  return (await bodyOf<{ error?: { code: string } }>(response)).error?.code;
}

/** Sends JSON with a bearer token. */
export function caller(api: TestApi, token: string): TestUser["call"] {
  return (method, path, body) =>
    send(api, method, path, body, { authorization: `Bearer ${token}`, origin: ORIGIN });
}

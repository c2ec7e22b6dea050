import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testClient } from "../../../../scripts/testing/chain.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { RefusingNode } from "../../testing/refusing-node.ts";
import {
  bodyOf,
  codeOf,
  linkWallet,
  registerUser,
  send,
  type TestUser,
  walletUser,
} from "../../testing/users.ts";
import { requireWallet, type WalletView, walletsOf } from "./service.ts";

let api: TestApi;
let user: TestUser;
beforeAll(async () => {
  api = await createTestApi();
  user = await registerUser(api);
});
afterAll(() => api.close());

const newWallet = () => privateKeyToAccount(generatePrivateKey());
const idOf = (address: string) => `eip155:31337:${address.toLowerCase()}`;
const walletsFor = async (of: TestUser) =>
  (await bodyOf<{ wallets: WalletView[] }>(await of.call("GET", "/api/wallets/my-wallets"))).wallets;

async function connect(by: TestUser, address: string): Promise<string> {
  const response = await by.call("POST", "/api/wallets/connect", { address, chainId: 31337 });
  return (await bodyOf<{ message: string }>(response)).message;
}

it("links a wallet that signed, lists it, and signs in with it from then on", async () => {
  const wallet = newWallet();
  const message = await connect(user, wallet.address);
  expect(message).toContain("Link this wallet");
  const signature = await wallet.signMessage({ message });
  const response = await user.call("POST", "/api/wallets/verify", { message, signature });
  expect(response.status).toBe(200);
  const linked = (await bodyOf<{ wallet: WalletView }>(response)).wallet;
  expect(linked).toMatchObject({ id: idOf(wallet.address), chain: "eip155:31337" });
  expect(await walletsFor(user)).toEqual([linked]);
  expect((await walletUser(api, wallet)).id).toBe(user.id);
  // Linking it again changes nothing.
  await linkWallet(user, wallet);
  expect(await walletsFor(user)).toEqual([linked]);

  expect(await requireWallet(api.deps, user.id, wallet.address)).toEqual(linked);
  await expect(requireWallet(api.deps, user.id, newWallet().address)).rejects.toMatchObject({
    code: "wallet_not_linked",
  });
});

it("belongs to one user, also when two link it at once", async () => {
  const wallet = newWallet();
  const rivals = await Promise.all([registerUser(api), registerUser(api), registerUser(api)]);
  const answers = await Promise.all(
    rivals.map(async (rival) => {
      const message = await connect(rival, wallet.address);
      const signature = await wallet.signMessage({ message });
      return rival.call("POST", "/api/wallets/verify", { message, signature });
    }),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  const refused = answers.find(({ status }) => status === 409)!;
  expect(await codeOf(refused)).toBe("wallet_taken");
  const lists = await Promise.all(rivals.map(({ id }) => walletsOf(api.deps, id)));
  expect(lists.flat()).toHaveLength(1);
});

it("refuses another's challenge, another's signature and a replay", async () => {
  const wallet = newWallet();
  const thief = await registerUser(api);
  const message = await connect(user, wallet.address);
  const signature = await wallet.signMessage({ message });
  const stolen = await thief.call("POST", "/api/wallets/verify", { message, signature });
  expect(stolen.status).toBe(401);
  expect(await codeOf(stolen)).toBe("wallet_nonce_unknown");

  const foreign = await connect(user, wallet.address);
  const wrong = { message: foreign, signature: await newWallet().signMessage({ message: foreign }) };
  expect(await codeOf(await user.call("POST", "/api/wallets/verify", wrong))).toBe(
    "wallet_signature_invalid",
  );

  const fresh = await connect(user, wallet.address);
  const body = { message: fresh, signature: await wallet.signMessage({ message: fresh }) };
  expect((await user.call("POST", "/api/wallets/verify", body)).status).toBe(200);
  expect(await codeOf(await user.call("POST", "/api/wallets/verify", body))).toBe("wallet_nonce_unknown");
});

describe("that is a contract", () => {
  const contract = async (bytecode: `0x${string}`) => {
    const { address } = newWallet();
    await testClient(api.rpcUrl).setCode({ address, bytecode });
    return address;
  };
  /** Asks whether the contract takes anybody's signature for its own. */
  const signFor = async (by: TestUser, address: string) => {
    const message = await connect(by, address);
    const body = { message, signature: await newWallet().signMessage({ message }) };
    return () => by.call("POST", "/api/wallets/verify", body);
  };

  it("may say no, and then the message is used up", async () => {
    const verify = await signFor(user, await contract("0x60006000fd"));
    const refused = await verify();
    expect([refused.status, await codeOf(refused)]).toEqual([401, "wallet_signature_invalid"]);
    expect(await codeOf(await verify())).toBe("wallet_nonce_unknown");
  });

  it.each(["status", "answer"] as const)(
    "has not said no when the node refuses the question, by its %s, and the message is good afterwards",
    async (by) => {
      const node = await RefusingNode.before(api.rpcUrl);
      const behind = await createTestApi({ RPC_URL_31337: node.url });
      try {
        // Returns isValidSignature's magic value for every signature, as a wallet with no owner would.
        const address = await contract(`0x7f1626ba7e${"00".repeat(28)}60005260206000f3`);
        const verify = await signFor(await registerUser(behind), address);
        node.by = by;
        node.refused.add("eth_call");
        const away = await verify();
        expect(away.status).toBe(503);
        expect(await away.json()).toMatchObject({ error: { code: "chain_unavailable", retryable: true } });
        node.refused.clear();
        expect((await verify()).status).toBe(200);
        expect(await codeOf(await verify())).toBe("wallet_nonce_unknown");
      } finally {
        await behind.close();
        await node.close();
      }
    },
  );
});

it("is unlinked by its owner, but never the last way to sign in", async () => {
  const wallet = newWallet();
  await linkWallet(user, wallet);
  const path = `/api/wallets/${encodeURIComponent(idOf(wallet.address))}`;
  const stranger = await registerUser(api);
  expect((await stranger.call("DELETE", path)).status).toBe(404);
  expect((await user.call("DELETE", path)).status).toBe(204);
  expect((await user.call("DELETE", path)).status).toBe(404);

  const owner = await walletUser(api);
  const only = `/api/wallets/${idOf(owner.wallet.address)}`;
  const refused = await owner.call("DELETE", only);
  expect(refused.status).toBe(409);
  expect(await codeOf(refused)).toBe("last_sign_in_method");
  const second = newWallet();
  await linkWallet(owner, second);
  const both = await Promise.all([
    owner.call("DELETE", only),
    owner.call("DELETE", `/api/wallets/${idOf(second.address)}`),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual([204, 409]);
  expect(await walletsFor(owner)).toHaveLength(1);
});

it("needs a signed-in user", async () => {
  const body = { address: newWallet().address, chainId: 31337 };
  expect((await send(api, "POST", "/api/wallets/connect", body)).status).toBe(401);
  expect((await send(api, "GET", "/api/wallets/my-wallets")).status).toBe(401);
});

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createClient,
  createConfig,
  createGroup,
  createModel,
  getModel,
  getPayment,
  listGroups,
  listMyModels,
  publishModel,
  register,
  setSplit,
  walletAuthMessage,
  walletLogin,
} from "@aiforge/api/client";
import { demoAccount, LOCAL_CHAIN_ID } from "@aiforge/contracts";
import { createWalletClient, type Hex, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { DEMO_PASSWORD, DEMO_USERS } from "./users.ts";

export interface SeedParameters {
  apiUrl: string;
  rpcUrl: string;
  /** The model's GGUF file. */
  file: string;
  signal: AbortSignal;
}

const HOUSE = "AIForge House";
const MODEL = {
  name: "Tiny Chat",
  description:
    "A language model of 4 million parameters that answers in simple English: short stories, poems, capitals, opposites, and questions about AIForge.\n\nIt is a demonstration: fast, free of charge to run, and often wrong outside of what it knows.",
  license: "CC0-1.0",
  tags: ["chat", "english", "demo"],
  // Everybody has the file: it comes with the clone.
  weights: "open" as const,
};
const PRICE_A_MONTH = "5.00";
const WAIT_MS = 60_000;

/**
 * Fills a fresh marketplace: two accounts to sign in with, and one model that the house publishes with its own wallet
 * (the spare account, so that every other demo account still has its first model free). Everything goes through the
 * public API and signed transactions, and what is there already is left as it is.
 * @throws Error of the first step that is refused
 */
export async function seed({ apiUrl, rpcUrl, file, signal }: SeedParameters): Promise<void> {
  const visitor = createClient(createConfig({ baseUrl: apiUrl }));
  for (const user of DEMO_USERS) {
    const { error, response } = await register({
      client: visitor,
      body: { ...user, password: DEMO_PASSWORD },
    });
    // 409: it is there already.
    if (error && response?.status !== 409) throw refused("The demo account", error);
  }

  const account = privateKeyToAccount(demoAccount("spare").privateKey);
  const challenge = await ok(
    "The sign-in message",
    walletAuthMessage({ client: visitor, query: { address: account.address, chainId: LOCAL_CHAIN_ID } }),
  );
  const signature = await account.signMessage({ message: challenge.message });
  const { token } = await ok(
    "The sign-in",
    walletLogin({ client: visitor, body: { message: challenge.message, signature } }),
  );
  const client = createClient(
    createConfig({ baseUrl: apiUrl, headers: { authorization: `Bearer ${token}` } }),
  );

  const { groups } = await ok("The groups", listGroups({ client }));
  const group =
    groups.find(({ name }) => name === HOUSE) ??
    (await ok("The group", createGroup({ client, body: { name: HOUSE } })));
  const { models } = await ok("The models", listMyModels({ client }));
  const model =
    models.find(({ name }) => name === MODEL.name) ??
    (await ok("The model", createModel({ client, body: { ...MODEL, groupId: group.id } })));
  const path = { id: model.id };
  if (model.onchain) return;

  if (model.file?.state !== "ready") {
    await upload({ apiUrl, token, modelId: model.id, file });
    await until("The model's file was not ready", signal, async () => {
      const { file: state } = await ok("The model", getModel({ client, path }));
      if (state?.state === "failed") throw new Error(`The model's file was refused: ${state.error}`);
      return state?.state === "ready";
    });
  }
  await ok(
    "The split",
    setSplit({ client, path, body: { members: [{ address: account.address, bps: 10_000 }] } }),
  );
  const { payment } = await ok(
    "Publishing",
    publishModel({
      client,
      path,
      body: {
        wallet: account.address,
        chain: `eip155:${LOCAL_CHAIN_ID}`,
        terms: { month: PRICE_A_MONTH },
      },
    }),
  );
  if (!payment.call) throw new Error("Publishing gave nothing to sign.");
  const wallet = createWalletClient({ account, chain: foundry, transport: http(rpcUrl) });
  await wallet.sendTransaction({ to: payment.call.to as Hex, data: payment.call.data as Hex });
  await until("The publication was not confirmed", signal, async () => {
    const { status } = await ok("The payment", getPayment({ client, path: { id: payment.id } }));
    return status === "confirmed";
  });
}

/** Sends the file in one piece. Source of the protocol: tus 1.0.0, https://tus.io/protocols/resumable-upload */
async function upload({
  apiUrl,
  token,
  modelId,
  file,
}: {
  apiUrl: string;
  token: string;
  modelId: string;
  file: string;
}): Promise<void> {
  const bytes = await readFile(file);
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const headers = { authorization: `Bearer ${token}`, "tus-resumable": "1.0.0" };
  const created = await fetch(`${apiUrl}/api/uploads`, {
    method: "POST",
    headers: {
      ...headers,
      "upload-length": String(bytes.length),
      "upload-metadata": `modelId ${base64(modelId)},filename ${base64(basename(file))}`,
    },
  });
  const location = created.headers.get("location");
  if (created.status !== 201 || !location) throw refused("The upload", await created.text());
  const sent = await fetch(new URL(new URL(location, apiUrl).pathname, apiUrl), {
    method: "PATCH",
    headers: { ...headers, "upload-offset": "0", "content-type": "application/offset+octet-stream" },
    body: bytes,
  });
  if (sent.status !== 204) throw refused("The upload", await sent.text());
}

/** The answer's data. @throws Error with what the API said */
async function ok<T>(what: string, request: Promise<{ data?: T; error?: unknown }>): Promise<NonNullable<T>> {
  const { data, error } = await request;
  if (!data) throw refused(what, error);
  return data;
}

function refused(what: string, error: unknown): Error {
  const message = (error as { error?: { message?: string } } | undefined)?.error?.message;
  return new Error(`${what} was refused: ${message ?? (JSON.stringify(error) || "no answer")}`);
}

async function until(failure: string, signal: AbortSignal, done: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`${failure} within ${WAIT_MS / 1000} s.`);
    await sleep(200, undefined, { signal });
  }
}

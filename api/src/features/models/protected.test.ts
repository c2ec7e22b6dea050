import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Decrypter } from "age-encryption";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildGguf } from "../../testing/gguf.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, pay, quotePublish } from "../../testing/market.ts";
import {
  listen,
  NodePeer,
  registerNode,
  servingNodes,
  servingPeer,
  wantedModels,
} from "../../testing/node-peer.ts";
import { unixfsCid } from "../../testing/unixfs.ts";
import { createModel, holdersOf, uploadFile } from "../../testing/uploads.ts";
import { bodyOf, codeOf, registerUser, send, type TestWalletUser } from "../../testing/users.ts";
import { setNodeVerified, verifyHouseNodes } from "../nodes/service.ts";
import { newFileKey, openKey, sealKey } from "./encryption.ts";
import type { ModelView, WeightsKeyView } from "./shapes.ts";
import { checkWeightsSecret } from "./weights.ts";

const content = randomBytes(300_000);
const bytes = buildGguf({ data: new Uint8Array(content) });
/** Bytes of the file that are nowhere else, across the border of two chunks. */
const needle = content.subarray(65_000, 66_000);

let api: TestApi;
let server: Awaited<ReturnType<typeof listen>>;
let creator: TestWalletUser;
let model: ModelView;
let uploadId: string;

beforeAll(async () => {
  api = await createTestApi({}, { poll: 100, probeRetry: 100 });
  server = await listen(api);
  creator = await fundedUser(api);
  model = await publish("protected", { month: "10" });
  uploadId = await uploadOf(model.id);
});
afterAll(async () => {
  await server?.close();
  await api?.close();
});

async function publish(weights: "open" | "protected", terms: Record<string, string>): Promise<ModelView> {
  const { id } = await createModel(creator, "Secret", weights);
  await uploadFile(api, creator, id, bytes);
  await pay(api, creator.wallet, await quotePublish(creator, id, terms));
  return eventually("the publication", async () => {
    const view = await bodyOf<ModelView>(await creator.call("GET", `/api/models/${id}`));
    return view.onchain && view;
  });
}

async function uploadOf(modelId: string): Promise<string> {
  const { rows } = await api.deps.db.$client.query(
    "SELECT upload_id AS id FROM app.model_versions WHERE model_id = $1",
    [modelId],
  );
  return rows[0].id;
}

const as = (token: string, path: string) =>
  send(api, "GET", path, undefined, { authorization: `Bearer ${token}` });
const storedPath = (id = uploadId) => join(api.deps.config.DATA_DIR, "weights", id);
const keyOf = async (token = creator.token) =>
  bodyOf<WeightsKeyView>(await as(token, `/api/models/${model.id}/weights/key`));

async function decrypt(key: string, encrypted: Uint8Array): Promise<Buffer> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(key);
  return Buffer.from(await decrypter.decrypt(encrypted));
}

describe("what is stored", () => {
  it("is encrypted wherever it lies, and known by the CID and hash of what lies there", async () => {
    expect(await holdersOf(api.deps.config.DATA_DIR, needle)).toEqual([]);
    const stored = await readFile(storedPath());
    expect(model.file).toMatchObject({ cid: unixfsCid([stored]), size: bytes.length });
    expect(model.file?.encrypted?.size).toBe(stored.length);
    const open = await createModel(creator, "Open", "open");
    await uploadFile(api, creator, open.id, bytes);
    expect((await holdersOf(api.deps.config.DATA_DIR, needle)).length).toBeGreaterThan(0);
  });

  it("is read with its key by any tool of the format, and with no other", async () => {
    const stored = await readFile(storedPath());
    const { key } = await keyOf();
    expect((await decrypt(key, stored)).equals(bytes)).toBe(true);
    await expect(decrypt(await newFileKey(), stored)).rejects.toThrow(/no identity matched/);
  });

  it("has another key than the same file elsewhere, which the database holds encrypted", async () => {
    const twin = await createModel(creator, "Twin");
    const file = await uploadFile(api, creator, twin.id, bytes);
    expect(file.cid).not.toBe(model.file?.cid);
    const { rows } = await api.deps.db.$client.query("SELECT * FROM app.model_versions WHERE model_id = $1", [
      model.id,
    ]);
    expect(rows[0].sealed_key).toMatch(/^v1\./);
    expect(JSON.stringify(rows[0])).not.toContain("AGE-SECRET-KEY");
    const { key } = await keyOf();
    const sealed = sealKey(key, uploadId, "a".repeat(32));
    expect(openKey(sealed, uploadId, "a".repeat(32))).toBe(key);
    expect(() => openKey(sealed, uploadId, "b".repeat(32))).toThrow(/WEIGHTS_SECRET/);
    expect(() => openKey(sealed, "another upload", "a".repeat(32))).toThrow(/WEIGHTS_SECRET/);
  });

  it("keeps the api from starting with another secret", async () => {
    await expect(checkWeightsSecret(api.deps)).resolves.toBeUndefined();
    const config = { ...api.deps.config, WEIGHTS_SECRET: "c".repeat(32) };
    await expect(checkWeightsSecret({ ...api.deps, config })).rejects.toThrow(/Set the old one again/);
  });

  it.each<[string, (stored: Buffer, start: number) => Buffer]>([
    ["a changed bit", (stored, start) => flip(stored, start + 70_000)],
    ["two chunks exchanged", (stored, start) => exchange(stored, start, start + 65_552)],
    ["its last chunk gone", (stored, start) => stored.subarray(0, start + 4 * 65_552)],
    ["the header of another file", (stored) => flip(stored, 60)],
  ])("is not handed out with %s", async (_what, damage) => {
    const { id } = await createModel(creator, "Damaged");
    await uploadFile(api, creator, id, bytes);
    const path = storedPath(await uploadOf(id));
    const stored = await readFile(path);
    await writeFile(path, damage(stored, stored.indexOf("\n", stored.indexOf("\n--- ") + 1) + 1 + 16));
    for (const range of [undefined, "bytes=0-299999", "bytes=65536-65999"]) {
      const response = await send(api, "GET", `/api/models/${id}/weights`, undefined, {
        authorization: `Bearer ${creator.token}`,
        ...(range && { range }),
      });
      const got = await response.arrayBuffer().catch(() => null);
      // A range that the damage does not touch is whole.
      if (got !== null) {
        expect(range).toBe("bytes=65536-65999");
        expect(Buffer.from(got).equals(bytes.subarray(65_536, 66_000))).toBe(true);
      }
    }
  });
});

describe("nodes", () => {
  const paths = ["weights", "weights/stored", "weights/key"];

  it("that nobody verified get the answer of a model that does not exist", async () => {
    const node = await registerNode(api, "unverified", { verified: false });
    for (const path of paths) {
      const refused = await as(node.token, `/api/models/${model.id}/${path}`);
      const unknown = await as(node.token, `/api/models/${crypto.randomUUID()}/${path}`);
      expect([refused.status, await refused.text()]).toEqual([404, await unknown.text()]);
    }
    expect(await wantedModels(api, node.id)).not.toContain(model.id);
    const heartbeat = await send(
      api,
      "POST",
      "/api/nodes/heartbeat",
      {
        cpu: { cores: 1, load: 0 },
        memory: { total: 1, free: 1 },
        disk: { total: 1, free: 1 },
        gpus: [],
        active: 0,
        models: [],
      },
      { authorization: `Bearer ${node.token}` },
    );
    expect(heartbeat.status).toBe(200);
    expect(await heartbeat.text()).not.toContain(model.id);
  });

  it("that an admin verified get bytes and key, until it is taken back", async () => {
    const node = await registerNode(api, "verified", { verified: false });
    await setNodeVerified(api.deps, node.id, true);
    expect(await wantedModels(api, node.id)).toContain(model.id);
    const stored = await as(node.token, `/api/models/${model.id}/weights/stored`);
    const { key } = await keyOf(node.token);
    expect((await decrypt(key, new Uint8Array(await stored.arrayBuffer()))).equals(bytes)).toBe(true);
    await setNodeVerified(api.deps, node.id, false);
    for (const path of paths)
      expect((await as(node.token, `/api/models/${model.id}/${path}`)).status).toBe(404);
  });

  it("of the group's members get what is the group's, and nothing else", async () => {
    const node = await registerNode(api, "of the creator", { verified: false });
    await api.deps.db.$client.query("UPDATE app.nodes SET address = $1 WHERE id = $2", [
      creator.wallet.address.toLowerCase(),
      node.id,
    ]);
    expect((await as(node.token, `/api/models/${model.id}/weights/key`)).status).toBe(200);
    expect(await wantedModels(api, node.id)).toContain(model.id);
    const other = await fundedUser(api);
    await api.deps.db.$client.query("UPDATE app.nodes SET address = $1 WHERE id = $2", [
      other.wallet.address.toLowerCase(),
      node.id,
    ]);
    expect((await as(node.token, `/api/models/${model.id}/weights/key`)).status).toBe(404);
  });

  it("are verified by the configuration that names their wallet", async () => {
    const node = await registerNode(api, "of the house", { verified: false });
    const { rows } = await api.deps.db.$client.query("SELECT address FROM app.nodes WHERE id = $1", [
      node.id,
    ]);
    const house = await createTestApi({
      VERIFIED_NODE_WALLETS: ` ${rows[0].address.toUpperCase().replace("X", "x")} ,`,
    });
    await verifyHouseNodes(house.deps);
    await house.close();
    expect((await as(node.token, `/api/models/${model.id}/weights/key`)).status).toBe(200);
  });

  it("that may not have a model are not asked to answer for it, whatever they claim", async () => {
    const node = await registerNode(api, "claims much", { verified: false });
    const peer = new NodePeer(server.url, node.token);
    await once(peer.socket, "open");
    peer.hello([model.id]);
    const honest = await servingPeer(api, server.url, [model.id]);
    expect(await servingNodes(api, model.id)).toBe(1);
    expect(peer.of("inference")).toEqual([]);
    await setNodeVerified(api.deps, node.id, true);
    await eventually("it is asked", async () => (await servingNodes(api, model.id)) === 2);
    await setNodeVerified(api.deps, node.id, false);
    await eventually("it is not asked any more", async () => (await servingNodes(api, model.id)) === 1);
    expect(
      peer
        .of("wanted")
        .at(-1)
        ?.wanted.map(({ modelId }) => modelId),
    ).not.toContain(model.id);
    honest.socket.close();
    peer.socket.close();
  });
});

describe("open weights", () => {
  it("cannot be sold, which says what to do instead", async () => {
    const { id } = await createModel(creator, "Open", "open");
    await uploadFile(api, creator, id, bytes);
    const terms = { month: "10", sale: "5" };
    for (const response of [
      await creator.call("POST", "/api/marketplace/create", { modelId: id, ...terms }),
      await creator.call("POST", `/api/publishing/model/${id}/publish`, {
        wallet: creator.wallet.address,
        chain: CHAIN,
        terms,
      }),
    ]) {
      expect(response.status).toBe(409);
      const { error } = await bodyOf<{ error: { code: string; hint: string } }>(response);
      expect(error.code).toBe("weights_open");
      expect(error.hint).toContain("create a new model with protected weights");
    }
    const set = await creator.call("POST", "/api/marketplace/create", { modelId: id, month: "10" });
    expect(set.status).toBe(200);
  });

  it("are for every node, and have no key", async () => {
    const open = await publish("open", { month: "10" });
    const node = await registerNode(api, "any", { verified: false });
    expect(await wantedModels(api, node.id)).toContain(open.id);
    const stored = await as(node.token, `/api/models/${open.id}/weights/stored`);
    expect(Buffer.from(await stored.arrayBuffer()).equals(bytes)).toBe(true);
    const key = await as(node.token, `/api/models/${open.id}/weights/key`);
    expect([key.status, await codeOf(key)]).toEqual([409, "weights_open"]);
  });

  it("that somebody put on sale in the contract itself are for unverified nodes no more", async () => {
    const open = await publish("open", { month: "10" });
    await api.deps.db.$client.query("UPDATE app.service_terms SET price_sale = 1 WHERE model_id = $1", [
      open.id,
    ]);
    const node = await registerNode(api, "any other", { verified: false });
    expect((await as(node.token, `/api/models/${open.id}/weights/stored`)).status).toBe(404);
    expect(await wantedModels(api, node.id)).not.toContain(open.id);
    const stranger = await registerUser(api);
    const view = await bodyOf<ModelView>(await stranger.call("GET", `/api/models/${open.id}`));
    expect(view.file).toMatchObject({ cid: null, sha256: null });
  });

  it("are chosen when the model is created, and at no other time", async () => {
    expect((await createModel(creator)).weights).toBe("protected");
    const { id, weights } = await createModel(creator, "Open", "open");
    expect(weights).toBe("open");
    const change = await creator.call("PATCH", `/api/models/${id}`, { weights: "protected" });
    expect([change.status, await codeOf(change)]).toEqual([400, "invalid_request"]);
  });
});

function flip(stored: Buffer, at: number): Buffer {
  const damaged = Buffer.from(stored);
  damaged[at]! ^= 1;
  return damaged;
}

function exchange(stored: Buffer, first: number, second: number): Buffer {
  const damaged = Buffer.from(stored);
  stored.copy(damaged, first, second, second + 65_552);
  stored.copy(damaged, second, first, first + 65_552);
  return damaged;
}

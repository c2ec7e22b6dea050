import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HttpRequestError } from "viem";
import { expect, describe as group, it } from "vitest";
import { chainError } from "./chain.ts";
import { openChain } from "./chain-node.ts";
import { nodeCommand } from "./commands/command.ts";
import { describe } from "./errors.ts";
import { resolveChains } from "./own-chains.ts";
import { readSettings } from "./settings.ts";

const KEY = "a-secret-key";

group("a node's address, which may have a key in it", () => {
  it.each([
    [
      `eip155:1=https://a.example,tron:0x2b6653dc=wss://b.example/${KEY}`,
      /^--rpc-url: tron:0x2b6653dc has not/,
    ],
    [`https://a.example/,https://${KEY}@:80`, /^--rpc-url: entry 2 has not/],
    [`${KEY}`, /^--rpc-url: entry 1 has not/],
    [`https://a.example/${KEY}, https://b.example/${KEY}`, /each needs its chain in front/],
  ])("is not told when it is wrong", (rpcUrl, expected) => {
    expect(() => resolveChains({ rpcUrl })).toThrow(expected);
    expect(() => resolveChains({ rpcUrl })).not.toThrow(KEY);
  });

  it("is not told when flags or settings are none", async () => {
    for (const args of [[`https://a.example/${KEY}`], [`--rpc=https://a.example/${KEY}`]]) {
      let told = "";
      const command = nodeCommand("claim", { description: "" }, async () => {})
        .exitOverride()
        .configureOutput({ writeErr: (text) => (told += text) });
      await expect(command.parseAsync(args, { from: "user" })).rejects.toThrow();
      expect(told).toMatch(/^error: .*https:\/\/…/);
      expect(told).not.toContain(KEY);
    }
    const dir = await mkdtemp(join(tmpdir(), "settings-"));
    try {
      const path = join(dir, "config.json");
      for (const [text, reason] of [
        [`{"rpcUrl": ${KEY}}`, "Unexpected token 'a'"],
        [
          `{"rpcUrl": "https://a.example/${KEY}",}`,
          "Expected double-quoted property name in JSON at position ",
        ],
      ] as const) {
        await writeFile(path, text);
        const error = await readSettings(path).catch((error: Error) => error);
        expect(String(error)).toContain(`The settings ${path} are not JSON: ${reason}`);
        expect(String(error)).not.toMatch(/rpcUrl|secret/);
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("is in no error of the chain's, whichever way the node fails", async () => {
    const error = new HttpRequestError({ url: `https://a.example/${KEY}` });
    expect(error.message, "viem's own words").toContain(KEY);
    expect(describe(error)).toBe("HTTP request failed.");

    const server = createServer(({ url = "" }, response) => {
      response.statusCode = url.includes("refuse") ? 403 : 200;
      response.end(`What is ${url}?`);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    const nodes = [
      `127.0.0.1:${port}/refuse`,
      `127.0.0.1:${port}`,
      `${KEY}:${KEY}@127.0.0.1:${port}`,
      "127.0.0.1:9",
    ];
    try {
      for (const [chain, chainId] of [["eip155:1", 1] as const, ["tron:0x2b6653dc", 0x2b6653dc] as const])
        for (const node of nodes) {
          const place = {
            chain,
            chainId,
            name: "A chain",
            url: `http://${node}/${KEY}?key=${KEY}`,
            own: true,
          };
          const failed = await openChain(place)
            .reader.getBlock()
            .catch((error: unknown) => error);
          const { message, hint } = chainError(failed);
          expect(message).toMatch(/^The chain cannot be asked: ./);
          expect(`${message} ${hint}`).not.toContain(KEY);
        }
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

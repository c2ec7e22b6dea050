import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aiforgeAbi, deployments, usdtAbi } from "@aiforge/contracts";
import { getAddress } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../../api/src/testing/harness.ts";
import { listen } from "../../../api/src/testing/node-peer.ts";
import { type Stack, startStack } from "../../../api/src/testing/stack.ts";
import { testClient } from "../../../scripts/testing/chain.ts";
import { startPostgres } from "../../../scripts/testing/postgres.ts";
import { doctorCases } from "./testing/doctor-cases.ts";
import { CommandLine, type Run } from "./testing/run.ts";
import { workedJobs } from "./testing/worked-jobs.ts";

const TIMEOUT = 300_000;
const { aiforge, usdt } = deployments[31337]!;

let home: string;
let cli: CommandLine;
let stack: Stack;
let api: TestApi;
let server: Awaited<ReturnType<typeof listen>>;
let node: Run;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "commands-"));
  closing.push(() => rm(home, { recursive: true, force: true }));
  const postgres = await startPostgres();
  closing.push(() => postgres.stop());
  stack = await startStack(postgres.url);
  closing.push(() => stack.stop());
  Object.assign(process.env, { API_TEST_DATABASE_URL: stack.databaseUrl, API_TEST_RPC_URL: stack.rpcUrl });
  api = await createTestApi({
    PUBLIC_RPC_URL_31337: stack.rpcUrl,
  });
  closing.push(() => api.close());
  server = await listen(api);
  closing.push(() => server.close());
  cli = new CommandLine(home);
  const flags = ["--api-url", server.url, "--name", "the test's", "--gpu", "off", "--jobs", "off"];
  const { code, output } = await cli.run(["init", ...flags]);
  expect(code, output).toBe(0);
}, TIMEOUT);
afterAll(async () => {
  if (node?.child.exitCode === null) node.child.kill("SIGKILL");
  for (const close of closing.reverse()) await close();
}, TIMEOUT);

const keyFile = () => join(home, ".aiforge-miner", "wallet.key");
const account = async () => privateKeyToAccount((await readFile(keyFile(), "utf8")).trim() as `0x${string}`);

it(
  "starts with no flag, and shows itself",
  async () => {
    const before = await cli.run(["status"]);
    expect(before.code).toBe(1);
    expect(before.output).toMatch(/✖ process +not running/);
    expect(before.output).toMatch(/✖ registered +not yet: run start/);
    node = cli.start(["start", "--json"]);
    await expect.poll(node.output, { timeout: 60_000 }).toContain('"connected"');
    const { address } = await account();
    const shown = await eventually("the node is active", async () => {
      const status = await cli.json<{
        address: string;
        process: { pid: number; connected: boolean };
        node: { name: string; status: string } | null;
        credit: { credit: string }[];
      }>(["status"]);
      return status.node?.status === "active" ? status : null;
    });
    expect(shown).toMatchObject({
      code: 0,
      address,
      process: { pid: node.child.pid, connected: true, draining: false, active: 0, attempts: [] },
      node: { name: "the test's", address: address.toLowerCase(), runningJobs: 0, earned: "0.00" },
      credit: [{ chain: "eip155:31337", credit: "0.00" }],
      problems: [],
    });
    const text = await cli.run(["status"]);
    expect(text.code).toBe(0);
    expect(text.output).toMatch(/✔ process +connected, 0 requests, 0 jobs/);
    expect(text.output).toMatch(/✔ service +active, heard/);
  },
  TIMEOUT,
);

doctorCases(() => ({ cli, url: server.url, home, keyFile: keyFile() }));

it(
  "tells earnings by day and job, releases what was not disputed, and withdraws all to the wallet",
  async () => {
    const wallet = await account();
    const chain = testClient(stack.rpcUrl);
    const { paid, reviewed } = await workedJobs(api, wallet);

    const earned = await cli.json<Record<string, unknown>>(["earnings"]);
    expect(earned).toMatchObject({
      code: 0,
      address: wallet.address,
      total: "9.50",
      days: [{ jobs: 1, paid: "9.50" }],
      payments: [{ onchainId: paid.onchainId, name: "A job", amount: "9.50", fee: "0.50" }],
      open: [{ onchainId: reviewed.onchainId, status: "submitted" }],
      credit: [{ amount: "9.50" }],
    });
    const text = await cli.run(["earnings", "--days", "2"]);
    expect(text.output).toMatch(/A job +9\.50/);
    expect(text.output).toContain("To claim on");

    const early = await cli.json<{ chains: object[] }>(["claim", "--dry-run"]);
    expect(early).toMatchObject({
      code: 0,
      chains: [
        { releases: 0, amount: "9.50", transactions: 1, waiting: [{ onchainId: reviewed.onchainId }] },
      ],
      transactions: [],
    });
    const unasked = await cli.run(["claim"]);
    expect(unasked.code).toBe(1);
    expect(unasked.output).toContain("9.50 USDT go to");
    expect(unasked.output).toContain("Nothing was sent: nobody can be asked here.\nSay --yes to send it.");

    await chain.increaseTime({ seconds: 86_500 });
    await chain.mine({ blocks: 1 });
    await chain.setBalance({ address: wallet.address, value: 1n });
    const poor = await cli.run(["claim", "--yes"]);
    expect(poor.code).toBe(1);
    expect(poor.output).toContain("cannot pay the gas");
    await chain.setBalance({ address: wallet.address, value: 10n ** 18n });
    const claimed = await cli.json<Record<string, unknown>>(["claim", "--yes"]);
    expect(claimed).toMatchObject({
      code: 0,
      withdrawn: "28.50",
      chains: [{ releases: 1, amount: "28.50", waiting: [] }],
      transactions: [{ kind: "release" }, { kind: "withdraw", withdrawn: "28.50" }],
      problems: [],
    });
    const held = await chain.readContract({
      address: usdt,
      abi: usdtAbi,
      functionName: "balanceOf",
      args: [wallet.address],
    });
    expect(held).toBe(28_500_000n);
    const nothing = await cli.run(["claim", "--yes"]);
    expect(nothing).toMatchObject({
      code: 0,
      output: expect.stringContaining("There is nothing to claim now."),
    });
  },
  TIMEOUT,
);

it(
  "works with an external signer, and keeps no key",
  async () => {
    const dir = join(home, "signer");
    const config = join(dir, "config.json");
    // A chain of the tests holds keys of its own and signs by JSON-RPC, as a signer does.
    const args = [
      "init",
      "--config",
      config,
      "--data-dir",
      dir,
      "--api-url",
      server.url,
      "--signer-url",
      stack.rpcUrl,
    ];
    const several = await cli.run(args);
    expect(several.code).toBe(1);
    expect(several.output).toMatch(/several accounts\.\nName one with --signer-address: 0x/);
    const [, , , , , , spare] = await testClient(stack.rpcUrl).getAddresses();
    const unknown = await cli.run([...args, "--signer-address", `0x${"1".repeat(40)}`]);
    expect(unknown.output).toContain("The signer has no account");
    const made = await cli.json<{ address: string }>([...args, "--signer-address", spare!]);
    expect(made).toMatchObject({ code: 0, address: getAddress(spare!), keyFile: null });
    await expect(stat(join(dir, "wallet.key"))).rejects.toThrow("ENOENT");
    const signing = cli.start([
      "start",
      "--config",
      config,
      "--name",
      "signed",
      "--jobs",
      "off",
      "--gpu",
      "off",
      "--json",
    ]);
    await expect.poll(signing.output, { timeout: 60_000 }).toContain('"connected"');
    signing.child.kill("SIGTERM");
    expect(await signing.exit).toBe(0);
    // Somebody gives its wallet credit, which it withdraws by a transaction that the signer signs.
    const giver = await fundedWallet(stack.rpcUrl);
    const chain = testClient(stack.rpcUrl);
    for (const [address, abi, functionName, given] of [
      [usdt, usdtAbi, "approve", [aiforge, 3_000_000n]],
      [aiforge, aiforgeAbi, "deposit", [spare, 3_000_000n]],
    ] as const) {
      const call = {
        account: giver,
        address,
        abi: abi as typeof aiforgeAbi,
        functionName: functionName as "deposit",
      };
      const hash = await chain.writeContract({ ...call, args: given as never });
      await chain.waitForTransactionReceipt({ hash });
    }
    const claimed = await cli.json<{ withdrawn: string }>(["claim", "--config", config, "--yes"]);
    expect(claimed).toMatchObject({ code: 0, withdrawn: "3.00", transactions: [{ kind: "withdraw" }] });
    const gone = await cli.run(["claim", "--config", config, "--signer-url", "http://127.0.0.1:9"]);
    expect(gone.output).toContain("The signer at http://127.0.0.1:9 does not answer");
  },
  TIMEOUT,
);

it(
  "drains: offers nothing more, says when it is safe, takes work again, and stops when told",
  async () => {
    const status = () =>
      cli.json<{ process: { draining: boolean } | null; node: { draining: boolean } }>(["status"]);
    const drained = await cli.json<Record<string, unknown>>(["drain"]);
    expect(drained).toMatchObject({
      code: 0,
      draining: true,
      safeToStop: true,
      stopped: false,
      pid: node.child.pid,
    });
    await eventually("the network knows", async () => (await status()).node.draining);
    expect((await cli.run(["drain", "--off"])).output).toBe("It takes work again.\n");
    await eventually("the network knows", async () => !(await status()).node.draining);
    const stopped = await cli.run(["drain", "--stop"]);
    expect(stopped.code, stopped.output).toBe(0);
    expect(stopped.output).toContain("The node has stopped.");
    expect(await node.exit).toBe(0);
    const none = await cli.run(["drain"]);
    expect(none.code).toBe(1);
    expect(none.output).toContain("No node runs on");
  },
  TIMEOUT,
);

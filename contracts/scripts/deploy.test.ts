import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import solc from "solc";
import {
  type Address,
  createPublicClient,
  createTestClient,
  createWalletClient,
  getContract,
  http,
  zeroAddress,
} from "viem";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startChain, type TestChain } from "../../scripts/testing/chain.ts";
import { aiforgeAbi, aiforgeBytecode, demoAccount, deployLocal, PERMIT2, usdtAbi } from "../src/index.ts";
import { DeployError, deploy } from "./deploy.ts";

const admin = demoAccount("deployer").address;
const operator = demoAccount("operator").address;
const treasury = demoAccount("treasury").address;
const TETHER = "0xdAC17F958D2ee523a2206206994597C13D831ec7";

let chain: TestChain;
let usdt: Address;
let aiforge: Address;
let env: Record<string, string | undefined>;
const folder = mkdtempSync(join(tmpdir(), "deploy-"));

beforeAll(async () => {
  chain = await startChain();
  ({ usdt, aiforge } = await deployLocal({ rpcUrl: chain.rpcUrl }));
  env = {
    RPC_URL: chain.rpcUrl,
    DEPLOYER_KEY: demoAccount("spare").privateKey,
    USDT_ADDRESS: usdt,
    ADMIN: admin,
    OPERATOR: operator,
    TREASURY: treasury,
  };
});
afterAll(async () => {
  await chain.stop();
  rmSync(folder, { recursive: true });
});

const client = () => createPublicClient({ transport: http(chain.rpcUrl) });
const anvil = () => createTestClient({ mode: "anvil", transport: http(chain.rpcUrl) });

/** Deploys and answers what was printed as well. */
async function run(change: Record<string, string | undefined> = {}, yes = true) {
  const printed: string[] = [];
  const deployment = await deploy(
    { ...env, ...change },
    { confirm: async () => yes, print: (line) => printed.push(line), folder },
  );
  return { deployment, printed: printed.join("\n") };
}

describe("a deployment", () => {
  it("has the roles and addresses that were named", async () => {
    const { deployment, printed } = await run({ ADMIN_DELAY_SECONDS: "60" });
    expect(deployment).toMatchObject({ chainId: 31_337, usdt });
    const { aiforge: address, startBlock } = deployment!;
    expect(await client().getBlockNumber()).toBe(BigInt(startBlock));
    const { read } = getContract({ address, abi: aiforgeAbi, client: client() });
    expect(await read.token()).toBe(usdt);
    expect(await read.permit2()).toBe(PERMIT2);
    expect(await read.defaultAdmin()).toBe(admin);
    expect(await read.hasRole([await read.OPERATOR(), operator])).toBe(true);
    expect(await read.treasury()).toBe(treasury);
    expect(await read.defaultAdminDelay()).toBe(60);
    expect(printed).toContain("as planned");
  });

  it("is what its verification input compiles to, immutables and arguments aside", async () => {
    const address = (await run()).deployment!.aiforge;
    const place = join(folder, "31337", address);
    expect(readdirSync(place).sort()).toEqual(["standard-input.json", "verification.json"]);
    const input = JSON.parse(readFileSync(join(place, "standard-input.json"), "utf8"));
    const said = JSON.parse(readFileSync(join(place, "verification.json"), "utf8"));
    expect(said).toMatchObject({ address, compiler: "0.8.37", contract: "AIForge.sol:AIForge" });

    input.settings.outputSelection["*"]["*"] = ["evm.bytecode.object", "evm.deployedBytecode"];
    // No callback for imports: the input holds all there is.
    const output = JSON.parse(solc.compile(JSON.stringify(input)));
    const { bytecode, deployedBytecode } = output.contracts["AIForge.sol"].AIForge.evm;
    const { input: sent } = await client().getTransaction({ hash: said.transaction });
    expect(sent).toBe(`0x${bytecode.object}${said.constructorArguments.slice(2)}`);
    expect(aiforgeBytecode).toBe(`0x${bytecode.object}`);

    const stands = Buffer.from(((await client().getCode({ address })) as string).slice(2), "hex");
    const references = Object.values(deployedBytecode.immutableReferences).flat() as {
      start: number;
      length: number;
    }[];
    expect(references.length).toBeGreaterThan(0);
    for (const { start, length } of references) stands.fill(0, start, start + length);
    expect(stands.toString("hex")).toBe(deployedBytecode.object);
    expect(stands.length).toBeLessThanOrEqual(24_576);
    // The compiler takes its time.
  }, 120_000);

  it("is only shown, with what it would cost, until it is confirmed", async () => {
    const deployer = demoAccount("spare").address;
    const before = await client().getTransactionCount({ address: deployer });
    const { deployment, printed } = await run({}, false);
    expect(deployment).toBeNull();
    expect(await client().getTransactionCount({ address: deployer })).toBe(before);
    expect(printed).toMatch(/chain {6}31337\n.*holds [0-9.]+\n.*about 0\.0[0-9]+ \([0-9]+ gas\)/);
    expect(printed).toContain("Nothing was sent.");
  });
});

describe("what changes on the chain", () => {
  let snapshot: `0x${string}`;
  afterEach(() => anvil().revert({ id: snapshot }));

  it("does without Permit2 where there is none, and says so", async () => {
    snapshot = await anvil().snapshot();
    await anvil().setCode({ address: PERMIT2, bytecode: "0x" });
    const { deployment, printed } = await run();
    expect(printed).toContain("There is no Permit2 on this chain");
    const at = { address: deployment!.aiforge, abi: aiforgeAbi } as const;
    expect(await client().readContract({ ...at, functionName: "permit2" })).toBe(zeroAddress);
  });

  it("warns of a fee that the token takes", async () => {
    snapshot = await anvil().snapshot();
    await anvil().impersonateAccount({ address: admin });
    const owner = createWalletClient({ account: admin, transport: http(chain.rpcUrl) });
    await owner.writeContract({
      chain: null,
      address: usdt,
      abi: usdtAbi,
      functionName: "setParams",
      args: [10n, 20n],
    });
    expect((await run({}, false)).printed).toContain("WARNING: the token takes a fee of 10 basis points");
  });

  it("refuses a deployer who cannot pay", async () => {
    snapshot = await anvil().snapshot();
    await anvil().setBalance({ address: demoAccount("spare").address, value: 1n });
    await expect(run()).rejects.toThrow(DeployError);
  });
});

it("accepts no other token than Tether's on mainnet", async () => {
  const setChainId = (id: number) =>
    anvil().request<{ Method: "anvil_setChainId"; Parameters: [number]; ReturnType: null }>({
      method: "anvil_setChainId",
      params: [id],
    });
  await setChainId(1);
  await expect(run().finally(() => setChainId(31_337))).rejects.toThrow(
    `USDT on chain 1 is ${TETHER}, not ${usdt}`,
  );
});

describe("refuses, before anything is sent,", () => {
  it.each(["RPC_URL", "DEPLOYER_KEY", "USDT_ADDRESS", "ADMIN", "OPERATOR", "TREASURY"])(
    "no %s",
    async (name) => {
      await expect(run({ [name]: undefined })).rejects.toThrow(new DeployError(`${name} is not set`));
    },
  );

  it.each<[string, () => Record<string, string>, RegExp]>([
    ["an account for a token", () => ({ USDT_ADDRESS: demoAccount("spare").address }), /There is no token/],
    ["another contract for a token", () => ({ USDT_ADDRESS: aiforge }), /There is no token/],
    ["a mistyped address", () => ({ TREASURY: `${usdt.slice(0, -1)}0` }), /TREASURY is not an address/],
    ["nobody for an admin", () => ({ ADMIN: zeroAddress }), /ADMIN is the zero address/],
    ["the token for a treasury", () => ({ TREASURY: usdt }), /TREASURY is the token/],
    ["an operator that is the admin", () => ({ OPERATOR: admin }), /must be different/],
    ["an account for Permit2", () => ({ PERMIT2_ADDRESS: treasury }), /no contract at PERMIT2_ADDRESS/],
    ["a node that does not answer", () => ({ RPC_URL: "http://127.0.0.1:1" }), /No chain answers/],
    [
      "a key that is none",
      () => ({ DEPLOYER_KEY: "0x12" }),
      /^DEPLOYER_KEY is not 0x and 64 hexadecimal digits$/,
    ],
    ["a key of nothing", () => ({ DEPLOYER_KEY: `0x${"0".repeat(64)}` }), /no private key/],
    ["a delay that is none", () => ({ ADMIN_DELAY_SECONDS: "-1" }), /ADMIN_DELAY_SECONDS/],
  ])("%s", async (_, change, message) => {
    await expect(run(change())).rejects.toThrow(message);
  });
});

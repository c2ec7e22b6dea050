import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import {
  aiforgeAbi,
  aiforgeBytecode,
  DEMO_ACCOUNTS,
  demoAccount,
  tetherTronBytecode,
  tronAddress,
  usdtAbi,
} from "@aiforge/contracts";
import { broadcastTron, buildTronCall, estimateTronFee } from "@aiforge/contracts/tron";
import { startTronDevnet, type TronDevnet } from "@aiforge/tron-devnet";
import { encodeFunctionData, type Hex, zeroAddress } from "viem";
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { freePort } from "../../../scripts/testing/postgres.ts";
import { deploy, client as tronWeb } from "../../../scripts/tron-devnet/test/client.ts";
import type { Chain } from "../chain/chains.ts";
import { createTestApi, eventually, type TestApi } from "./harness.ts";
import { type Stack, startStack } from "./stack.ts";
import { tronWallet } from "./tron-wallet.ts";
import { bodyOf, send, signedIn, type TestWalletUser } from "./users.ts";

export const TRON_CHAIN = "tron:0x74646576";
export const TRX = 1_000_000n;
const USDT = 1_000_000n;

/** Until what was just mined is solid: 18 blocks upon it, and one to spare. */
const SOLID = 19;

/** Addresses are `0x` and lower case. */
export interface TronContracts {
  usdt: Hex;
  aiforge: Hex;
}

const WATCHER = fileURLToPath(new URL("../../../indexer/tron/main.ts", import.meta.url));

interface Watcher {
  child: ChildProcess;
  log: string[];
}

/**
 * A local Tron whose blocks are made on demand, with its USDT (whose `transfer` returns false) and the contract; an EVM
 * chain; both mirrored into one database; and an api that serves both.
 */
export class TronStand {
  readonly devnet: TronDevnet;
  readonly contracts: TronContracts;
  readonly stack: Stack;
  readonly api: TestApi;
  #watcher: Watcher | null = null;

  private constructor(devnet: TronDevnet, contracts: TronContracts, stack: Stack, api: TestApi) {
    this.devnet = devnet;
    this.contracts = contracts;
    this.stack = stack;
    this.api = api;
  }

  /**
   * @param env overrides the api's configuration
   * @param chain where each block is to be less than 3 seconds after its parent, for blocks that stay near the clock
   */
  static async open(env: Record<string, string> = {}, chain: { slotMs?: number } = {}): Promise<TronStand> {
    const [{ devnet, contracts }, stack] = await Promise.all([
      startTron(chain),
      startStack(process.env.API_TEST_DATABASE_URL!),
    ]);
    const api = await createTestApi({
      DATABASE_URL: stack.databaseUrl,
      RPC_URL_31337: stack.rpcUrl,
      ...tronEnv(devnet.url, contracts),
      ...env,
    });
    const stand = new TronStand(devnet, contracts, stack, api);
    await stand.watch();
    await eventually("both chains are shown", async () => {
      const { rows } = await api.deps.db.$client.query("SELECT chain_id FROM chain.heads");
      return rows.some(({ chain_id }) => chain_id === TRON_CHAIN);
    });
    await stand.mirrored();
    return stand;
  }

  /** Starts the watcher, unless it runs. */
  async watch(): Promise<void> {
    if (this.#watcher) return;
    const log: string[] = [];
    const child = spawn(process.execPath, [WATCHER], {
      env: {
        ...process.env,
        DATABASE_URL: this.stack.databaseUrl,
        TRON_URL: this.devnet.url,
        TRON_AIFORGE_ADDRESS: this.contracts.aiforge,
        TRON_USDT_ADDRESS: this.contracts.usdt,
        TRON_CASHIER_ADDRESS: demoAccount("cashier").address,
        TRON_POLLING_MS: "100",
        TRON_RECONCILE_MS: "0",
        TRON_WATCHER_PORT: String(await freePort()),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => log.push(String(chunk)));
    this.#watcher = { child, log };
  }

  /** Ends the watcher: what happens on the chain from here on is not mirrored. */
  async unwatch(): Promise<void> {
    const child = this.#watcher?.child;
    this.#watcher = null;
    if (!child || child.exitCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await exited;
  }

  async close(): Promise<void> {
    await this.unwatch();
    await this.api.close();
    await this.stack.stop();
    await this.devnet.close();
  }

  chain = (): Chain => this.api.deps.chains.get(TRON_CHAIN);

  /** Waits until every solid block is in the database. */
  async mirrored(): Promise<void> {
    await eventually(
      `block ${this.devnet.solid()} is mirrored`,
      async () => {
        const { rows } = await this.api.deps.db.$client.query("SELECT number FROM tron.cursor");
        return Number(rows[0]?.number) >= this.devnet.solid();
      },
      90_000,
    ).catch((error: unknown) => {
      throw new Error(`${error}\n${this.#watcher?.log.join("").slice(-4000)}`);
    });
  }

  /** Makes what was mined so far solid, and waits until it is mirrored. */
  async settle(): Promise<void> {
    await this.devnet.mine(SOLID);
    await this.mirrored();
  }

  /** Estimates, signs and sends a call, without a block for it. @returns its id */
  async send(wallet: PrivateKeyAccount, { to, data }: { to: string; data: string }): Promise<Hex> {
    const call = { client: this.chain().client, from: wallet.address, to, data: data as Hex };
    const { feeLimitSun } = await estimateTronFee(call);
    const built = await buildTronCall({ ...call, feeLimit: feeLimitSun });
    return broadcastTron(call.client, {
      ...built,
      signature: [await wallet.sign({ hash: `0x${built.txID}` })],
    });
  }

  /** Sends a call and makes the block that has it. @throws when it fails */
  async sign(wallet: PrivateKeyAccount, call: { to: string; data: string }): Promise<Hex> {
    const hash = await this.send(wallet, call);
    await this.devnet.mine();
    const { status } = await this.chain().client.getTransactionReceipt({ hash });
    if (status !== "success") throw new Error(`${hash} failed`);
    return hash;
  }

  /** A transfer of USDT, in a block. @param amount micro-USDT */
  transfer(wallet: PrivateKeyAccount, to: string, amount: bigint): Promise<Hex> {
    return this.sign(wallet, {
      to: this.contracts.usdt,
      data: encodeFunctionData({
        abi: usdtAbi,
        functionName: "transfer",
        args: [tronAddress(to), amount],
      }),
    });
  }

  newWallet = (): PrivateKeyAccount => privateKeyToAccount(generatePrivateKey());

  /** A new wallet with 10,000 TRX and `amount` micro-USDT. */
  async fundedWallet(amount = 100n * USDT, wallet = this.newWallet()): Promise<PrivateKeyAccount> {
    await this.devnet.fund(wallet.address, 10_000n * TRX);
    await this.transfer(privateKeyToAccount(demoAccount("faucet").privateKey), wallet.address, amount);
    return wallet;
  }

  /** A user who signed in with a new wallet on Tron that has 10,000 TRX and `amount` micro-USDT. */
  async walletUser(amount = 100n * USDT): Promise<TestWalletUser> {
    const { key, shown, sign } = tronWallet();
    const wallet = await this.fundedWallet(amount, privateKeyToAccount(key));
    const query = new URLSearchParams({ address: shown, chain: TRON_CHAIN });
    const asked = await send(this.api, "GET", `/api/auth/wallet/auth-message?${query}`);
    const { message } = await bodyOf<{ message: string }>(asked);
    const signature = await sign(message);
    const login = await send(this.api, "POST", "/api/auth/wallet/login", { message, signature });
    return { ...(await signedIn(this.api, login)), wallet };
  }

  /** Micro-USDT. */
  usdtOf(address: string): Promise<bigint> {
    const { client, usdt } = this.chain();
    const args = [tronAddress(address)] as const;
    return client.readContract({ address: usdt, abi: usdtAbi, functionName: "balanceOf", args });
  }

  /** Micro-USDT that the contract owes a wallet. */
  creditOf(address: string): Promise<bigint> {
    const { client, aiforge } = this.chain();
    const args = [tronAddress(address)] as const;
    return client.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "creditOf", args });
  }
}

/** What an api needs to serve a local Tron beside the local chain. */
export const tronEnv = (url: string, { usdt, aiforge }: TronContracts): Record<string, string> => ({
  CHAIN_IDS: `31337,${TRON_CHAIN}`,
  TRON_URL: url,
  TRON_AIFORGE_ADDRESS: aiforge,
  TRON_USDT_ADDRESS: usdt,
});

/** A local Tron with the contract, 1,000,000 TRX for each demo account and 10,000,000 USDT for the faucet. */
async function startTron(chain: {
  slotMs?: number;
}): Promise<{ devnet: TronDevnet; contracts: TronContracts }> {
  const accounts = DEMO_ACCOUNTS.map(({ address }) => [address, 1_000_000n * TRX] as const);
  const devnet = await startTronDevnet({ ...chain, blockTime: 0, accounts: Object.fromEntries(accounts) });
  const tron = tronWeb(devnet.url, demoAccount("faucet").privateKey.slice(2));
  const usdt = await deploy(devnet, tron, {
    abi: usdtAbi,
    bytecode: tetherTronBytecode,
    parameters: [String(10_000_000n * USDT)],
  });
  const aiforge = await deploy(devnet, tron, {
    abi: aiforgeAbi,
    bytecode: aiforgeBytecode,
    parameters: [
      usdt,
      zeroAddress,
      demoAccount("deployer").address,
      demoAccount("operator").address,
      demoAccount("treasury").address,
      86_400,
    ],
  });
  await devnet.mine(SOLID);
  return { devnet, contracts: { usdt: tronAddress(usdt), aiforge: tronAddress(aiforge) } };
}

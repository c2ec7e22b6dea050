import { open, readFile, rename } from "node:fs/promises";
import {
  type Address,
  createPublicClient,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  zeroAddress,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { aiforgeAbi } from "./compiled/aiforgeAbi.ts";
import { aiforgeBytecode } from "./compiled/aiforgeBytecode.ts";
import { tetherTronBytecode } from "./compiled/tetherTronBytecode.ts";
import { usdtAbi } from "./compiled/usdtAbi.ts";
import { DEMO_ACCOUNTS, demoAccount } from "./demoAccounts.ts";
import { DEMO_USDT, demoDeployData } from "./demoDeployment.ts";
import { LocalDeployError } from "./deployLocal.ts";
import { LOCAL_TRON_ID } from "./deployments.ts";
import { broadcastTron, buildTronCall, tronInfo, tronNode, tronResult, tronTransport } from "./tron/index.ts";
import { showTronAddress, tronAddress } from "./tronAddress.ts";
import { signTronCreation } from "./tronCreation.ts";

/** Where the contracts are on one local Tron. Other than on an EVM chain, that depends on the transactions. */
export interface LocalTron {
  /** Id of the chain's first block: the addresses are of this chain and no other. */
  genesis: Hex;
  usdt: Address;
  aiforge: Address;
  /** The first block with an event. */
  startBlock: number;
}

type Progress = Pick<LocalTron, "genesis"> & Partial<LocalTron>;

const SUN = 1_000_000n;
/** Sun for each demo account, the cashier and the operator among them: all of them sign. */
const DEMO_TRX = 1_000_000n * SUN;
/** Sun that deploying may cost at most. */
const CREATION_LIMIT = 10_000n * SUN;
const CALL_LIMIT = 100n * SUN;
/** A block is solid when so many more are upon it. */
const UPON = 18;

/**
 * Reads what an earlier {@link deployLocalTron} wrote.
 * @returns null when there is nothing, or when it was cut off
 * @throws LocalDeployError when the file is not one of these
 */
export async function readLocalTron(file: string): Promise<LocalTron | null> {
  const progress = await readProgress(file);
  return isWhole(progress) ? progress : null;
}

/**
 * Holds a deployment to the chain that runs.
 * @throws LocalDeployError when it is of another one
 */
export async function checkLocalTron(url: string, { genesis, usdt, aiforge }: LocalTron): Promise<void> {
  const client = createPublicClient({ transport: tronTransport(url) });
  const wrong = new LocalDeployError(
    "The addresses that were kept of the local Tron are not of the chain that runs: remove both and start again",
  );
  if ((await genesisOf(url)) !== genesis) throw wrong;
  const found = await Promise.all([
    client.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "token" }),
    client.readContract({ address: usdt, abi: usdtAbi, functionName: "symbol" }),
  ]).catch(() => null);
  if (found?.[0].toLowerCase() !== usdt || found[1] !== "USDT") throw wrong;
}

/**
 * Deploys USDT as on Tron (its `transfer` says false) and AIForge to a local Tron, hands USDT to the accounts that
 * `deployLocal` gives some, and TRX to every demo account. The blocks for it are made at once, until all is solid.
 * Carries on where an earlier call stopped, so calling it again is safe.
 * @param url of a tron-devnet
 * @param file keeps the addresses
 * @throws LocalDeployError
 */
export async function deployLocalTron({
  url,
  file,
  log = () => {},
}: {
  url: string;
  file: string;
  log?: (line: string) => void;
}): Promise<LocalTron> {
  const genesis = await genesisOf(url);
  const chainId = Number.parseInt(genesis.slice(-8), 16);
  if (chainId !== LOCAL_TRON_ID)
    throw new LocalDeployError(`Chain 0x${chainId.toString(16)} is not a local Tron`);
  const progress: Progress = (await readProgress(file)) ?? { genesis };
  if (progress.genesis !== genesis)
    throw new LocalDeployError(`${file} is of another chain: remove it and the local Tron's data together`);
  if (!isWhole(progress)) await deploy(new Deployer(url), progress, (step) => keep(file, step), log);
  const whole = progress as LocalTron;
  await checkLocalTron(url, whole);
  return whole;
}

async function deploy(
  deployer: Deployer,
  progress: Progress,
  save: (progress: Progress) => Promise<void>,
  log: (line: string) => void,
): Promise<void> {
  await deployer.fund();
  if (!progress.usdt) {
    const supply = DEMO_USDT.reduce((sum, [, amount]) => sum + amount, 0n);
    const data = encodeDeployData({ abi: usdtAbi, bytecode: tetherTronBytecode, args: [supply] });
    progress.usdt = await deployer.create("Tether USD", usdtAbi, tetherTronBytecode, data);
    await save(progress);
    log(`USDT is at ${showTronAddress(progress.usdt)}.`);
  }
  if (!progress.aiforge) {
    // There is no Permit2 on Tron.
    const data = demoDeployData({ usdt: progress.usdt, permit2: zeroAddress });
    progress.aiforge = await deployer.create("AIForge", aiforgeAbi, aiforgeBytecode, data);
    await save(progress);
    log(`AIForge is at ${showTronAddress(progress.aiforge)}.`);
  }
  await deployer.grant(progress.usdt);
  await deployer.mine(UPON);
  // Whoever looks from the first block on has seen all that there is.
  progress.startBlock = 1;
  await save(progress);
}

/** The demo deployer on a local Tron. */
class Deployer {
  readonly address = demoAccount("deployer").address;
  readonly #key = demoAccount("deployer").privateKey;
  readonly #url: string;
  readonly #ask: ReturnType<typeof tronNode>;

  constructor(url: string) {
    this.#url = url;
    this.#ask = tronNode(url, { timeoutMs: 60_000 });
  }

  /** Makes blocks now instead of waiting for them. */
  async mine(blocks = 1): Promise<void> {
    await this.#ask("devnet/mine", { blocks });
  }

  /** TRX for the demo accounts that have none. */
  async fund(): Promise<void> {
    const client = this.#client();
    for (const { address } of DEMO_ACCOUNTS) {
      if ((await client.getBalance({ address })) > 0n) continue;
      await this.#ask("devnet/fund", { address: tronAddress(address), sun: Number(DEMO_TRX) });
    }
    await this.mine();
  }

  /**
   * @param data the code, and what its constructor takes
   * @returns where it is, once it is in a block
   */
  async create(name: string, abi: readonly object[], bytecode: Hex, data: Hex): Promise<Address> {
    const { signed, address } = await signTronCreation({
      url: this.#url,
      privateKey: this.#key,
      name,
      abi,
      bytecode,
      data,
      feeLimit: CREATION_LIMIT,
    });
    await this.#included(await broadcastTron(this.#url, signed));
    return address;
  }

  /** USDT for those that are to have some and have none yet: all at once, or none when this was cut off. */
  async grant(usdt: Address): Promise<void> {
    const client = this.#client();
    const sent: Hex[] = [];
    for (const [role, amount] of DEMO_USDT) {
      const to = demoAccount(role).address;
      const call = { address: usdt, abi: usdtAbi, functionName: "balanceOf", args: [to] } as const;
      if ((await client.readContract(call)) > 0n) continue;
      const data = encodeFunctionData({ abi: usdtAbi, functionName: "transfer", args: [to, amount] });
      const built = await buildTronCall({
        url: this.#url,
        from: this.address,
        to: usdt,
        data,
        feeLimit: CALL_LIMIT,
      });
      const signature = await privateKeyToAccount(this.#key).sign({ hash: `0x${built.txID}` });
      sent.push(await broadcastTron(this.#url, { ...built, signature: [signature.slice(2)] }));
    }
    for (const id of sent) await this.#included(id);
  }

  #client() {
    return createPublicClient({ transport: tronTransport(this.#url, { timeoutMs: 60_000 }) });
  }

  async #included(id: Hex): Promise<void> {
    let info = await tronInfo(this.#ask, id);
    if (!info) {
      await this.mine();
      info = await tronInfo(this.#ask, id);
    }
    const result = info ? tronResult(info) : "it is in no block";
    if (result !== "SUCCESS") throw new LocalDeployError(`Deploying failed in transaction ${id}: ${result}`);
  }
}

async function genesisOf(url: string): Promise<Hex> {
  const block = (await tronNode(url)("wallet/getblockbynum", { num: 0 })) as { blockID?: unknown };
  if (typeof block?.blockID !== "string") throw new LocalDeployError(`${url} knows no first block`);
  return `0x${block.blockID}`;
}

const isWhole = (progress: Progress | null): progress is LocalTron =>
  Boolean(progress?.usdt && progress.aiforge && progress.startBlock !== undefined);

async function readProgress(file: string): Promise<Progress | null> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text === null) return null;
  try {
    const { genesis, usdt, aiforge, startBlock } = JSON.parse(text);
    const block = startBlock === undefined || Number.isSafeInteger(startBlock);
    if (block && /^0x[0-9a-f]{64}$/.test(genesis)) {
      return {
        genesis,
        ...(usdt !== undefined && { usdt: tronAddress(usdt) }),
        ...(aiforge !== undefined && { aiforge: tronAddress(aiforge) }),
        ...(startBlock !== undefined && { startBlock }),
      };
    }
  } catch {
    // Said below, together with a file of another shape.
  }
  throw new LocalDeployError(`${file} is no deployment of a local Tron: remove it and the chain beside it`);
}

/** Appears whole or not at all. */
async function keep(file: string, progress: Progress): Promise<void> {
  const fresh = await open(`${file}.new`, "w");
  try {
    await fresh.writeFile(JSON.stringify(progress, null, 2));
    await fresh.sync();
  } finally {
    await fresh.close();
  }
  await rename(`${file}.new`, file);
}

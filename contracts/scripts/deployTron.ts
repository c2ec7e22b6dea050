import { setTimeout as sleep } from "node:timers/promises";
import {
  type Address,
  createPublicClient,
  encodeDeployData,
  formatUnits,
  getAddress,
  type Hex,
  zeroAddress,
} from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { aiforgeAbi, aiforgeBytecode, showTronAddress, tronAddress } from "../src/index.ts";
import { broadcastTron, tronInfo, tronNode, tronResult, tronTransport } from "../src/tron/index.ts";
import { signTronCreation } from "../src/tronCreation.ts";
import { ask, requireAsPlanned } from "./deploy.ts";
import { DeployError, requireTether } from "./deployPlan.ts";

type Env = Record<string, string | undefined>;

/** What the API, the page server and the watcher are told of the contract. */
export interface TronDeployment {
  CHAIN: string;
  TRON_AIFORGE_ADDRESS: string;
  TRON_USDT_ADDRESS: string;
  TRON_START_BLOCK: string;
}

interface DeployTronOptions {
  /** Asked once all is checked and before anything is sent. */
  confirm: () => Promise<boolean>;
  print: (line: string) => void;
  /** How long it may take to be solid, in milliseconds. */
  patience?: number;
}

const TWO_DAYS = "172800";
/** 1,000,000 sun are one TRX. */
const SUN_DIGITS = 6;

/**
 * Deploys AIForge to the Tron that answers at TRON_URL, waits until that is solid, and reads back what stands there.
 * @param env TRON_URL, TRON_PRO_API_KEY, DEPLOYER_KEY (0x and 32 bytes), and USDT_ADDRESS, ADMIN, OPERATOR, TREASURY in
 * any form of a Tron address; ADMIN_DELAY_SECONDS if two days are not right.
 * @returns null if it was not confirmed
 * @throws {DeployError}
 */
export async function deployTron(
  env: Env,
  { confirm, print, patience = 600_000 }: DeployTronOptions,
): Promise<TronDeployment | null> {
  const url = required(env, "TRON_URL");
  const headers: Record<string, string> = env.TRON_PRO_API_KEY
    ? { "TRON-PRO-API-KEY": env.TRON_PRO_API_KEY }
    : {};
  const privateKey = keyOf(env);
  const deployer = privateKeyToAddress(privateKey);
  const [usdt, admin, operator, treasury] = ["USDT_ADDRESS", "ADMIN", "OPERATOR", "TREASURY"].map((name) =>
    wallet(env, name),
  ) as [Address, Address, Address, Address];
  // The operator's key lives on a server; what it could do as an admin, its thief could do.
  if (admin === operator) throw new DeployError("ADMIN and OPERATOR must be different wallets");
  const delay = env.ADMIN_DELAY_SECONDS ?? TWO_DAYS;
  if (!/^[0-9]{1,10}$/.test(delay)) throw new DeployError(`ADMIN_DELAY_SECONDS is not a number: ${delay}`);

  const node = tronNode(url, { headers, timeoutMs: 30_000 });
  const reader = createPublicClient({ transport: tronTransport(url, { headers, timeoutMs: 30_000 }) });
  const chainId = await reader.getChainId().catch(() => {
    throw new DeployError("No Tron answers at TRON_URL");
  });
  const notes: string[] = [];
  await requireTether(reader, chainId, usdt, notes);
  // There is no Permit2 on Tron.
  const args = [usdt, zeroAddress, admin, operator, treasury, Number(delay)] as const;
  const data = encodeDeployData({ abi: aiforgeAbi, bytecode: aiforgeBytecode, args });
  const energy = await energyOf(node, deployer, data);
  const [price, balance] = await Promise.all([
    reader.getGasPrice(),
    reader.getBalance({ address: deployer }),
  ]);
  const cost = energy * price;
  const trx = (sun: bigint) => `${formatUnits(sun, SUN_DIGITS)} TRX`;
  for (const line of [
    `chain      tron:0x${chainId.toString(16)}`,
    `deployer   ${showTronAddress(deployer)}, holds ${trx(balance)}`,
    `cost       about ${trx(cost)} (${energy} energy), without what staking covers`,
    `token      ${showTronAddress(usdt)}`,
    `admin      ${showTronAddress(admin)}`,
    `operator   ${showTronAddress(operator)}`,
    `treasury   ${showTronAddress(treasury)}`,
    `delay      ${delay} s`,
    ...notes,
  ])
    print(line);
  if (balance < cost) throw new DeployError(`${showTronAddress(deployer)} cannot pay ${trx(cost)}`);
  if (!(await confirm())) {
    print("Nothing was sent.");
    return null;
  }
  const { signed, address } = await signTronCreation({
    url,
    headers,
    privateKey,
    name: "AIForge",
    abi: aiforgeAbi,
    bytecode: aiforgeBytecode,
    data,
    feeLimit: (cost * 13n) / 10n,
  });
  const hash = await broadcastTron(reader, signed);
  print(`Sent ${hash.slice(2)}; AIForge will be at ${showTronAddress(address)}`);
  const startBlock = await solidBlock(node, hash, patience);
  await requireAsPlanned(reader, getAddress(address), args);
  print("It is solid, and roles, treasury, token, delay and plan prices are as planned.");
  return {
    CHAIN: `tron:0x${chainId.toString(16)}`,
    TRON_AIFORGE_ADDRESS: showTronAddress(address),
    TRON_USDT_ADDRESS: showTronAddress(usdt),
    TRON_START_BLOCK: String(startBlock),
  };
}

/** What creating takes, run and thrown away by the node. */
async function energyOf(node: ReturnType<typeof tronNode>, deployer: Address, data: Hex): Promise<bigint> {
  const answer = (await node("wallet/triggerconstantcontract", {
    owner_address: `41${tronAddress(deployer).slice(2)}`,
    data: data.slice(2),
    visible: false,
  })) as { energy_used?: number; result?: { message?: string } };
  if (!answer.energy_used || answer.result?.message) {
    const said = Buffer.from(answer.result?.message ?? "", "hex").toString();
    throw new DeployError(`The chain refuses the deployment: ${said || "no reason given"}`);
  }
  return BigInt(answer.energy_used);
}

/** Waits until the transaction is in a solid block. @returns its number */
async function solidBlock(node: ReturnType<typeof tronNode>, hash: Hex, patience: number): Promise<number> {
  const deadline = Date.now() + patience;
  for (;;) {
    const info = await tronInfo(node, hash, true).catch(() => null);
    if (info) {
      const result = tronResult(info);
      if (result !== "SUCCESS") throw new DeployError(`The deployment failed in ${hash}: ${result}`);
      return Number(info.blockNumber);
    }
    if (Date.now() > deadline) throw new DeployError(`${hash} is in no solid block yet; look for it later`);
    await sleep(1_000);
  }
}

function required(env: Env, name: string): string {
  const value = env[name];
  if (!value) throw new DeployError(`${name} is not set`);
  return value;
}

function keyOf(env: Env): Hex {
  const key = required(env, "DEPLOYER_KEY");
  // The key itself is not repeated.
  if (!/^0x[0-9a-fA-F]{64}$/.test(key)) throw new DeployError("DEPLOYER_KEY is not 0x and 32 bytes in hex");
  return key as Hex;
}

/** With the checksum that reads of the contract come back with. */
function wallet(env: Env, name: string): Address {
  const text = required(env, name);
  let address: Address;
  try {
    address = getAddress(tronAddress(text));
  } catch {
    throw new DeployError(`${name} is not a Tron address: ${text}`);
  }
  if (address === zeroAddress) throw new DeployError(`${name} is the zero address`);
  return address;
}

if (import.meta.main) {
  try {
    const deployment = await deployTron(process.env, { confirm: ask, print: (line) => console.error(line) });
    if (deployment) console.log(JSON.stringify(deployment, null, 2));
  } catch (error) {
    console.error(error instanceof DeployError ? error.message : error);
    process.exitCode = 1;
  }
}

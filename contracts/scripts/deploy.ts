import {
  type Address,
  createPublicClient,
  createWalletClient,
  getAddress,
  type Hex,
  http,
  isAddress,
  isHex,
  type PublicClient,
  zeroAddress,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { aiforgeAbi, aiforgeBytecode, type Deployment, usdtAbi } from "../src/index.ts";

/** A variable is missing or wrong, or the chain is not what it seems. Nothing was sent. */
export class DeployError extends Error {
  override name = "DeployError";
}

/** Tether's own contracts. On these chains no other token is accepted. */
const TETHER: Record<number, Address> = { 1: "0xdAC17F958D2ee523a2206206994597C13D831ec7" };
const TWO_DAYS = "172800";

/**
 * Deploys AIForge to any EVM chain.
 * @param env RPC_URL, DEPLOYER_KEY (0x and 32 bytes), USDT_ADDRESS, ADMIN, OPERATOR, TREASURY, and
 * ADMIN_DELAY_SECONDS if two days are not right.
 * @returns what `deployments` wants to know, once the contract is mined.
 * @throws {DeployError}
 */
export async function deploy(
  env: Record<string, string | undefined>,
): Promise<Deployment & { chainId: number }> {
  const usdt = address(env, "USDT_ADDRESS");
  const admin = address(env, "ADMIN");
  const operator = address(env, "OPERATOR");
  const treasury = address(env, "TREASURY");
  // The operator's key lives on a server; what it could do as an admin, its thief could do.
  if (admin === operator) throw new DeployError("ADMIN and OPERATOR must be different wallets");
  const delay = env.ADMIN_DELAY_SECONDS ?? TWO_DAYS;
  if (!/^[0-9]{1,10}$/.test(delay))
    throw new DeployError(`ADMIN_DELAY_SECONDS is not a number of seconds: ${delay}`);

  const transport = http(required(env, "RPC_URL"));
  const reader = createPublicClient({ transport });
  const chainId = await reader.getChainId();
  await requireTether(reader, chainId, usdt);

  const wallet = createWalletClient({ account: privateKeyToAccount(key(env)), transport });
  const hash = await wallet.deployContract({
    chain: null,
    abi: aiforgeAbi,
    bytecode: aiforgeBytecode,
    args: [usdt, zeroAddress, admin, operator, treasury, Number(delay)],
  });
  const receipt = await reader.waitForTransactionReceipt({ hash });
  if (receipt.status !== "success" || !receipt.contractAddress) {
    throw new DeployError(`The deployment reverted in transaction ${hash}`);
  }
  return {
    chainId,
    aiforge: getAddress(receipt.contractAddress),
    usdt,
    startBlock: Number(receipt.blockNumber),
  };
}

/** The contract would be tied to this token for ever, so a fake or a typo stops here. */
async function requireTether(reader: PublicClient, chainId: number, usdt: Address): Promise<void> {
  const expected = TETHER[chainId];
  if (expected && expected !== usdt)
    throw new DeployError(`USDT on chain ${chainId} is ${expected}, not ${usdt}`);
  const token = { address: usdt, abi: usdtAbi } as const;
  const facts = await Promise.all([
    reader.readContract({ ...token, functionName: "symbol" }),
    reader.readContract({ ...token, functionName: "decimals" }),
  ]).catch(() => null);
  if (!facts) throw new DeployError(`There is no token at ${usdt} on chain ${chainId}`);
  const [symbol, decimals] = facts;
  if (symbol !== "USDT" || decimals !== 6n) {
    throw new DeployError(`The token at ${usdt} is ${symbol} with ${decimals} decimals, not USDT with 6`);
  }
}

function required(env: Record<string, string | undefined>, name: string): string {
  const value = env[name];
  if (!value) throw new DeployError(`${name} is not set`);
  return value;
}

function address(env: Record<string, string | undefined>, name: string): Address {
  const value = required(env, name);
  if (!isAddress(value))
    throw new DeployError(`${name} is not an address, or its checksum is wrong: ${value}`);
  return getAddress(value);
}

function key(env: Record<string, string | undefined>): Hex {
  const value = required(env, "DEPLOYER_KEY");
  // Says nothing of the value: it would end up in a log.
  if (!isHex(value) || value.length !== 66)
    throw new DeployError("DEPLOYER_KEY is not 0x and 64 hexadecimal digits");
  return value;
}

if (import.meta.main) {
  try {
    console.log(JSON.stringify(await deploy(process.env), null, 2));
  } catch (error) {
    console.error(error instanceof DeployError ? error.message : error);
    process.exitCode = 1;
  }
}

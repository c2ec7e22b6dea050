import {
  type Address,
  createPublicClient,
  createWalletClient,
  encodeDeployData,
  getAddress,
  type Hex,
  http,
  isAddress,
  isHex,
  type PublicClient,
  zeroAddress,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { aiforgeAbi, aiforgeBytecode, PERMIT2, usdtAbi } from "../src/index.ts";

/** A variable is missing or wrong, the chain is not what it seems, or the contract is not what was planned. */
export class DeployError extends Error {
  override name = "DeployError";
}

/** A deployment that was checked as far as it can be without sending it. */
export interface DeployPlan {
  chainId: number;
  deployer: Address;
  /** Of the deployer, in wei. */
  balance: bigint;
  gas: bigint;
  /** The most that it costs at the current price of gas, in wei. */
  cost: bigint;
  /** Of the constructor: token, permit2, admin, operator, treasury, delay in seconds. */
  args: readonly [Address, Address, Address, Address, Address, number];
  /** What the deployer should know. */
  notes: string[];
  reader: PublicClient;
  /** Sends it and returns the transaction's hash. */
  send: () => Promise<Hex>;
}

/** Tether's own contracts. On these chains no other token is accepted. */
const TETHER: Record<number, Address> = {
  1: "0xdAC17F958D2ee523a2206206994597C13D831ec7",
  // Tron: TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t.
  728126428: "0xa614f803B6FD780986A42c78Ec9c7f77e6DeD13C",
};
const TWO_DAYS = "172800";
/** The delay is a uint48 in the contract. */
const DELAY = /^[0-9]{1,10}$/;

/**
 * Checks a deployment and says what it would cost. Sends nothing.
 * @param env RPC_URL, DEPLOYER_KEY (0x and 32 bytes), USDT_ADDRESS, ADMIN, OPERATOR, TREASURY; PERMIT2_ADDRESS if it is
 * not the canonical one (the zero address: none), and ADMIN_DELAY_SECONDS if two days are not right.
 * @throws {DeployError}
 */
export async function planDeploy(env: Record<string, string | undefined>): Promise<DeployPlan> {
  const usdt = address(env, "USDT_ADDRESS");
  const [admin, operator, treasury] = [
    account(env, "ADMIN"),
    account(env, "OPERATOR"),
    account(env, "TREASURY"),
  ];
  // The operator's key lives on a server; what it could do as an admin, its thief could do.
  if (admin === operator) throw new DeployError("ADMIN and OPERATOR must be different wallets");
  if (treasury === usdt) throw new DeployError("TREASURY is the token: what is sent there is lost");
  const delay = env.ADMIN_DELAY_SECONDS ?? TWO_DAYS;
  if (!DELAY.test(delay)) throw new DeployError(`ADMIN_DELAY_SECONDS is not a number of seconds: ${delay}`);
  const signer = signerOf(env);

  const transport = http(required(env, "RPC_URL"));
  const reader = createPublicClient({ transport });
  const chainId = await reader.getChainId().catch(() => {
    // The address may hold a key, so it is not repeated.
    throw new DeployError("No chain answers at RPC_URL");
  });
  const notes: string[] = [];
  await requireTether(reader, chainId, usdt, notes);
  const permit2 = await findPermit2(reader, chainId, env, notes);
  const args = [usdt, permit2, admin, operator, treasury, Number(delay)] as const;

  const data = encodeDeployData({ abi: aiforgeAbi, bytecode: aiforgeBytecode, args });
  const [gas, gasPrice, balance] = await Promise.all([
    reader.estimateGas({ account: signer.address, data }),
    reader.getGasPrice(),
    reader.getBalance({ address: signer.address }),
  ]).catch((error: { shortMessage?: string }) => {
    throw new DeployError(`The chain refuses the deployment: ${error.shortMessage ?? error}`);
  });
  const cost = gas * gasPrice;
  if (balance < cost) {
    throw new DeployError(`${signer.address} holds ${balance} wei; the deployment costs about ${cost}`);
  }
  const wallet = createWalletClient({ account: signer, transport });
  return {
    chainId,
    deployer: signer.address,
    balance,
    gas,
    cost,
    args,
    notes,
    reader,
    send: () => wallet.sendTransaction({ chain: null, data, gas: (gas * 11n) / 10n }),
  };
}

/** The contract would be tied to this token for ever, so a fake or a typo stops here. */
export async function requireTether(
  reader: PublicClient,
  chainId: number,
  usdt: Address,
  notes: string[],
): Promise<void> {
  const expected = TETHER[chainId];
  if (expected && expected !== usdt)
    throw new DeployError(`USDT on chain ${chainId} is ${expected}, not ${usdt}`);
  if ((await reader.getCode({ address: usdt })) === undefined) {
    throw new DeployError(`There is no token at ${usdt} on chain ${chainId}`);
  }
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
  // A token without this function has no such fee.
  const rate = await reader.readContract({ ...token, functionName: "basisPointsRate" }).catch(() => 0n);
  if (rate > 0n) {
    notes.push(
      `WARNING: the token takes a fee of ${rate} basis points; payments from wallets fail while it does.`,
    );
  }
}

/** Permit2 is at the same address wherever it is; the contract does without where it is not. */
async function findPermit2(
  reader: PublicClient,
  chainId: number,
  env: Record<string, string | undefined>,
  notes: string[],
): Promise<Address> {
  const named = env.PERMIT2_ADDRESS ? address(env, "PERMIT2_ADDRESS") : undefined;
  const permit2 = named ?? PERMIT2;
  if (permit2 !== zeroAddress && (await reader.getCode({ address: permit2 })) !== undefined) return permit2;
  if (named !== undefined && named !== zeroAddress) {
    throw new DeployError(`There is no contract at PERMIT2_ADDRESS ${named} on chain ${chainId}`);
  }
  notes.push("There is no Permit2 on this chain: payments by signature will be refused.");
  return zeroAddress;
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

function account(env: Record<string, string | undefined>, name: string): Address {
  const value = address(env, name);
  if (value === zeroAddress) throw new DeployError(`${name} is the zero address`);
  return value;
}

function signerOf(env: Record<string, string | undefined>) {
  const value = required(env, "DEPLOYER_KEY");
  // Says nothing of the value: it would end up in a log.
  if (!isHex(value) || value.length !== 66)
    throw new DeployError("DEPLOYER_KEY is not 0x and 64 hexadecimal digits");
  try {
    return privateKeyToAccount(value);
  } catch {
    throw new DeployError("DEPLOYER_KEY is no private key");
  }
}

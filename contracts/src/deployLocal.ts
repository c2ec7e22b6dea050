import {
  type Address,
  concat,
  createPublicClient,
  createWalletClient,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  http,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { aiforgeAbi } from "./compiled/aiforgeAbi.ts";
import { tetherEthereumBytecode } from "./compiled/tetherEthereumBytecode.ts";
import { usdtAbi } from "./compiled/usdtAbi.ts";
import { demoAccount } from "./demoAccounts.ts";
import { DEMO_USDT, demoDeployData } from "./demoDeployment.ts";
import { type Deployment, deployments, LOCAL_CHAIN_ID } from "./deployments.ts";
import { CREATE2_DEPLOYER, PERMIT2, PERMIT2_SALT } from "./permit2.ts";
import { permit2Bytecode } from "./permit2Bytecode.ts";

/** The chain is not a local chain, or its deployer was used for something else. */
export class LocalDeployError extends Error {
  override name = "LocalDeployError";
}

/** Wei for the cashier, whose account a development chain does not fund by itself. */
const CASHIER_GAS = 10n ** 19n;

/**
 * Deploys Permit2, USDT (as on Ethereum) and AIForge to a local chain, at the addresses in `deployments`, and hands USDT to the
 * faucet (10,000,000), the creator, the customer and the spare account (10,000 each), and ETH for gas to the cashier.
 * Carries on where an earlier call stopped, so calling it again is safe.
 * @param rpcUrl HTTP endpoint of a development chain with id 31337 and the well-known funded accounts.
 * @throws {LocalDeployError}
 */
export async function deployLocal({ rpcUrl }: { rpcUrl: string }): Promise<Deployment> {
  const deployment = deployments[LOCAL_CHAIN_ID] as Deployment;
  const { usdt, aiforge } = deployment;
  const chain = createPublicClient({ chain: foundry, transport: http(rpcUrl), pollingInterval: 50 });
  const chainId = await chain.getChainId();
  if (chainId !== LOCAL_CHAIN_ID) throw new LocalDeployError(`Chain ${chainId} is not a local chain`);

  const account = privateKeyToAccount(demoAccount("deployer").privateKey);
  const wallet = createWalletClient({ account, chain: foundry, transport: http(rpcUrl) });

  // Somebody else sends what comes first: the deployer's nonces are counted.
  const sender = createWalletClient({
    account: privateKeyToAccount(demoAccount("faucet").privateKey),
    chain: foundry,
    transport: http(rpcUrl),
  });
  const cashier = demoAccount("cashier").address;
  if ((await chain.getBalance({ address: cashier })) === 0n) {
    const hash = await sender.sendTransaction({ to: cashier, value: CASHIER_GAS });
    await chain.waitForTransactionReceipt({ hash });
  }

  // AIForge wants to see it when it is deployed.
  if ((await chain.getCode({ address: PERMIT2 })) === undefined) {
    const hash = await sender.sendTransaction({
      to: CREATE2_DEPLOYER,
      data: concat([PERMIT2_SALT, permit2Bytecode]),
    });
    await chain.waitForTransactionReceipt({ hash });
  }

  // Each step is bound to its nonce, which fixes the addresses; the gas is fixed because it cannot be estimated before
  // the step before is mined.
  const supply = DEMO_USDT.reduce((sum, [, amount]) => sum + amount, 0n);
  const steps: { data: Hex; gas: bigint; to?: Address }[] = [
    {
      data: encodeDeployData({ abi: usdtAbi, bytecode: tetherEthereumBytecode, args: [supply] }),
      gas: 3_000_000n,
    },
    {
      data: demoDeployData({ usdt, permit2: PERMIT2 }),
      gas: 8_000_000n,
    },
    ...DEMO_USDT.map(([role, amount]) => ({
      to: usdt,
      data: encodeFunctionData({
        abi: usdtAbi,
        functionName: "transfer",
        args: [demoAccount(role).address, amount],
      }),
      gas: 200_000n,
    })),
  ];
  const start = await chain.getTransactionCount({ address: account.address, blockTag: "pending" });
  const hashes: Hex[] = [];
  for (const [offset, step] of steps.slice(start).entries()) {
    hashes.push(await wallet.sendTransaction({ ...step, nonce: start + offset }));
  }
  for (const hash of hashes) {
    const { status } = await chain.waitForTransactionReceipt({ hash });
    if (status !== "success") throw new LocalDeployError(`Deploying reverted in transaction ${hash}`);
  }

  const found = await Promise.all([
    chain.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "token" }),
    chain.readContract({ address: usdt, abi: usdtAbi, functionName: "symbol" }),
  ]).catch(() => null);
  if (found?.[0] !== usdt || found[1] !== "USDT") {
    throw new LocalDeployError("The local deployer was used for something else: start from an empty chain");
  }
  return deployment;
}

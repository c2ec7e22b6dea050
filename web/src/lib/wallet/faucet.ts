import { DEMO_ACCOUNTS, LOCAL_CHAIN_ID, parseUsdt, usdtAbi } from "@aiforge/contracts";
import { type Address, createPublicClient, createWalletClient, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";

export const FAUCET_USDT = parseUsdt("1000");
const FAUCET_ETH = parseEther("1");

/** Sends 1,000 test USDT and 1 test ETH to an address of the local chain, and waits until they are there. */
export async function drip({
  rpcUrl,
  usdt,
  to,
}: {
  rpcUrl: string;
  usdt: Address;
  to: Address;
}): Promise<void> {
  const faucet = DEMO_ACCOUNTS.find(({ role }) => role === "faucet");
  if (!faucet) throw new Error("There is no faucet account.");
  const transport = http(rpcUrl);
  const account = privateKeyToAccount(faucet.privateKey);
  const node = createPublicClient({ chain: foundry, transport, pollingInterval: 500 });
  if ((await node.getChainId()) !== LOCAL_CHAIN_ID)
    throw new Error("The faucet works on the local chain only.");
  const wallet = createWalletClient({ account, chain: foundry, transport });
  const nonce = await node.getTransactionCount({ address: account.address, blockTag: "pending" });
  const ether = await wallet.sendTransaction({ to, value: FAUCET_ETH, nonce });
  const token = await wallet.writeContract({
    address: usdt,
    abi: usdtAbi,
    functionName: "transfer",
    args: [to, FAUCET_USDT],
    nonce: nonce + 1,
  });
  for (const hash of [ether, token]) {
    const { status } = await node.waitForTransactionReceipt({ hash });
    if (status === "reverted") throw new Error("The faucet is empty.");
  }
}

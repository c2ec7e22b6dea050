import { demoAccount, LOCAL_TRON_ID, usdtAbi } from "@aiforge/contracts";
import {
  broadcastTron,
  buildTronCall,
  buildTronTransfer,
  estimateTronFee,
  type TronTransaction,
  tronTransport,
} from "@aiforge/contracts/tron";
import { type Address, createPublicClient, encodeFunctionData, type Hex } from "viem";
import { sign } from "viem/accounts";
import { FAUCET_USDT } from "../faucet.ts";

const FAUCET_SUN = 100_000_000n;
const LOOK_EVERY_MS = 300;

/** Sends 1,000 test USDT and 100 test TRX to an address of the local Tron, and waits until they are there. */
export async function dripTron({
  url,
  usdt,
  to,
}: {
  url: string;
  usdt: Address;
  to: Address;
}): Promise<void> {
  const { address: from, privateKey } = demoAccount("faucet");
  const client = createPublicClient({ transport: tronTransport(url) });
  if ((await client.getChainId()) !== LOCAL_TRON_ID)
    throw new Error("The faucet works on the local Tron only.");
  const send = async (transaction: TronTransaction) => {
    const signature = await sign({ hash: `0x${transaction.txID}`, privateKey, to: "hex" });
    return broadcastTron(client, { ...transaction, signature: [signature.slice(2)] });
  };
  const data = encodeFunctionData({ abi: usdtAbi, functionName: "transfer", args: [to, FAUCET_USDT] });
  const { feeLimitSun: feeLimit } = await estimateTronFee({ client, from, to: usdt, data });
  const sent: Hex[] = [
    await send(await buildTronTransfer({ client, from, to, sun: FAUCET_SUN })),
    await send(await buildTronCall({ client, from, to: usdt, data, feeLimit })),
  ];
  for (const hash of sent) {
    let receipt = null;
    while (!receipt) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      receipt = await client.getTransactionReceipt({ hash }).catch((error: Error) => {
        if (error.name === "TransactionReceiptNotFoundError") return null;
        throw error;
      });
    }
    if (receipt.status === "reverted") throw new Error("The faucet is empty.");
  }
}

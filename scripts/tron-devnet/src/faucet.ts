import { buildTransaction } from "./http/sending.ts";
import type { View } from "./http/view.ts";
import { type Address, nodeAddress, toBase58 } from "./protocol/address.ts";
import { addressOfKey, sha256, sign } from "./protocol/crypto.ts";
import { fromHex, toHex } from "./protocol/hex.ts";
import { transactionFromJson } from "./protocol/transaction.ts";

/** Sun that the faucet begins with: a thousand million TRX. */
export const FAUCET_SUN = 1_000_000_000_000_000n;

const key = sha256(Buffer.from("tron-devnet faucet"));
const owner = addressOfKey(key);

/** The account that `fund` pays from. Its key is public. */
export const FAUCET = { address: toBase58(owner), privateKey: toHex(key) };

/**
 * Sends TRX from the faucet.
 * @returns the transaction's id
 * @throws {BroadcastError}
 */
export async function fund(view: View, to: Address, sun: bigint): Promise<string> {
  const value = { owner_address: nodeAddress(owner), to_address: nodeAddress(to), amount: Number(sun) };
  const built = buildTransaction(view, "TransferContract", value);
  const id = built.txID as string;
  const signature = toHex(sign(fromHex(id) as Uint8Array, key));
  await view.chain.broadcast(transactionFromJson({ ...built, signature: [signature] }), view.head);
  return id;
}

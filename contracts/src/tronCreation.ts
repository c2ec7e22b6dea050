import type { Address, Hex } from "viem";
import type { SignedTronTransaction } from "./tron/index.ts";
import { tronAddress } from "./tronAddress.ts";

export interface TronCreation {
  /** A node, and what is sent along with each question to it. */
  url: string;
  headers?: Record<string, string>;
  /** Of the deployer. */
  privateKey: Hex;
  name: string;
  abi: readonly object[];
  bytecode: Hex;
  /** The bytecode, and what its constructor takes. */
  data: Hex;
  /** Sun that it may cost in energy. */
  feeLimit: bigint;
}

/** Builds and signs what creates a contract on Tron; sends nothing. */
export async function signTronCreation({
  url,
  headers = {},
  privateKey,
  name,
  abi,
  bytecode,
  data,
  feeLimit,
}: TronCreation): Promise<{ signed: SignedTronTransaction; address: Address }> {
  // Not for the pages, and large: nothing else of this package needs it.
  const { TronWeb } = await import("tronweb");
  const tron = new TronWeb({ fullHost: url, headers, privateKey: privateKey.slice(2) });
  const built = await tron.transactionBuilder.createSmartContract({
    name,
    abi: abi as never,
    bytecode: bytecode.slice(2),
    rawParameter: data.slice(bytecode.length),
    feeLimit: Number(feeLimit),
  });
  const signed = (await tron.trx.sign(built)) as unknown as SignedTronTransaction;
  return { signed, address: tronAddress(built.contract_address) };
}

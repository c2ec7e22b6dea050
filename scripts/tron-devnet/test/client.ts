import { once } from "node:events";
import { type IncomingMessage, type RequestOptions, request } from "node:http";
import { TronWeb, type Types } from "tronweb";
import { vi } from "vitest";
import { startTronDevnet, type TronDevnet, type TronDevnetOptions } from "../src/index.ts";

// A busy machine takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** 1 TRX in sun. */
export const TRX = 1_000_000;

export const KEYS = {
  alice: "a1".repeat(32),
  bob: "b2".repeat(32),
  /** Has nothing. */
  pauper: "c3".repeat(32),
};

export const addressOf = (key: string) => TronWeb.address.fromPrivateKey(key) as string;

/** A devnet that makes blocks on demand, where alice and bob have 100,000 TRX each. */
export function startTestDevnet(options: TronDevnetOptions = {}): Promise<TronDevnet> {
  const rich = BigInt(100_000 * TRX);
  return startTronDevnet({
    blockTime: 0,
    accounts: { [addressOf(KEYS.alice)]: rich, [addressOf(KEYS.bob)]: rich },
    ...options,
  });
}

/** The real client, unmodified. */
export function client(url: string, privateKey = KEYS.alice): TronWeb {
  return new TronWeb({ fullNode: url, solidityNode: url, eventServer: url, privateKey });
}

/** The status that a request gets which `fetch` would not send as it is. */
export async function statusOf(url: string, options: RequestOptions): Promise<number | undefined> {
  const { hostname, port } = new URL(url);
  const sent = request({ hostname, port, ...options }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

/** Builds and signs a transfer of TRX without sending it. */
export async function signedTransfer(
  tron: TronWeb,
  to: string,
  sun: number,
): Promise<Types.SignedTransaction> {
  return (await tron.trx.sign(await tron.transactionBuilder.sendTrx(to, sun))) as Types.SignedTransaction;
}

/** Deploys a contract and makes the block that it is in. Returns its address in base58. */
export async function deploy(
  devnet: TronDevnet,
  tron: TronWeb,
  { abi, bytecode, parameters = [] }: { abi: readonly object[]; bytecode: string; parameters?: unknown[] },
): Promise<string> {
  const built = await tron.transactionBuilder.createSmartContract({
    abi: abi as never,
    bytecode: bytecode.replace(/^0x/, ""),
    parameters,
    feeLimit: 10_000 * TRX,
    name: "Test",
  });
  const sent = await tron.trx.sendRawTransaction(await tron.trx.sign(built));
  if (!sent.result) throw new Error(`${sent.code}: ${Buffer.from(String(sent.message), "hex")}`);
  await devnet.mine();
  const info = await tron.trx.getUnconfirmedTransactionInfo(sent.txid);
  if (info.result === "FAILED") throw new Error(Buffer.from(info.resMessage, "hex").toString());
  if (info.contract_address !== built.contract_address)
    throw new Error("Deployed to another address than foretold");
  return TronWeb.address.fromHex(info.contract_address) as string;
}
